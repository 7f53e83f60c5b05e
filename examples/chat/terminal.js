// The chat room in a terminal: what is typed is said.
//
//     node terminal.js NAME [URL [REALM]]

const { createInterface } = require('node:readline');
const autobahn = require('autobahn');
const { WebSocket } = require('ws');
const { enterRoom } = require('./room.js');

// Autobahn|JS takes the platform's WebSocket, which Node has from version 22 on. It listens to the close of a socket, not
// to its errors, and in Node an error that nobody listens to ends the program: say, because the router is away.
globalThis.WebSocket ??= class extends WebSocket {
    constructor(...args) {
        super(...args);
        this.on('error', () => {});
    }
};

const [name, url = 'ws://127.0.0.1:8080/ws', realm = 'realm1'] = process.argv.slice(2);
if (!name) {
    console.error('usage: node terminal.js NAME [URL [REALM]]');
    process.exit(2);
}

const room = enterRoom(autobahn, {
    url,
    realm,
    name,
    show: (who, text) => console.log(`${who}: ${text}`),
    status: (text) => console.log(`* ${text}`),
});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
    if (line.trim() && !room.say(line)) {
        console.log('* nobody can hear you');
    }
});
lines.on('close', () => room.leave());
