// The example applications in JavaScript, run as their README says.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startRouter, within } from './support/router.js';

const TERMINAL = fileURLToPath(new URL('../../../examples/chat/terminal.js', import.meta.url));
const PACKAGES = fileURLToPath(new URL('./node_modules', import.meta.url));

let router;
before(async () => {
    router = await startRouter();
});
after(() => router.stop());

const children = new Set();
afterEach(() => {
    // Whoever is still there belongs to a test that has failed.
    for (const child of children) {
        child.kill('SIGKILL');
    }
    children.clear();
});

/** Enters the chat as a person at a terminal would. */
function enter(name, url = router.url) {
    const env = { ...process.env, NODE_PATH: PACKAGES };
    const child = spawn(process.execPath, [TERMINAL, name, url], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
        say: (text) => child.stdin.write(`${text}\n`),
        line: async () => (await within(lines.next(), 15_000)).value,
        leave: async () => {
            child.stdin.end();
            const [code] = await within(once(child, 'exit'), 15_000);
            assert.equal(code, 0);
        },
    };
}

test('people in the chat hear each other, and newcomers what was said before', async () => {
    const alice = enter('alice');
    assert.equal(await alice.line(), '* you are in the room as alice');
    alice.say('is anybody there?');
    assert.equal(await alice.line(), 'alice: is anybody there?');

    const bob = enter('bob');
    assert.equal(await bob.line(), 'alice: is anybody there?');
    assert.equal(await bob.line(), '* you are in the room as bob');
    bob.say('I am');
    assert.equal(await bob.line(), 'bob: I am');
    assert.equal(await alice.line(), 'bob: I am');
    await alice.leave();

    const carol = enter('carol');
    assert.equal(await carol.line(), 'alice: is anybody there?', 'bob has the history now');
    assert.equal(await carol.line(), 'bob: I am');
    assert.equal(await carol.line(), '* you are in the room as carol');
    await bob.leave();
    await carol.leave();
});

/** A URL at which nobody listens. */
async function nowhere() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return `ws://127.0.0.1:${port}/ws`;
}

test('a person whose router is away is told so, and stays until they leave', async () => {
    const alice = enter('alice', await nowhere());
    assert.equal(await alice.line(), '* the router is away');
    alice.say('is anybody there?');
    assert.equal(await alice.line(), '* nobody can hear you');
    await alice.leave();
});
