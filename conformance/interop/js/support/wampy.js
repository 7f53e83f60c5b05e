// Wampy sessions with each serializer that it has.

import { Wampy } from 'wampy';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import { WebSocket } from 'ws';

import { within } from './router.js';

/** Wampy passes more arguments than this library takes, and the third would be mistaken for options. */
class Socket extends WebSocket {
    constructor(url, protocols) {
        super(url, protocols);
    }
}

/** Each serializer that this client has. */
export const SERIALIZERS = [
    { name: 'json', make: () => new JsonSerializer() },
    { name: 'msgpack', make: () => new MsgpackSerializer() },
    { name: 'cbor', make: () => new CborSerializer() },
];

/** Makes sessions with one serializer and closes them all. */
export class Sessions {
    #router;
    #serializer;
    #open = [];

    constructor(router, serializer) {
        this.#router = router;
        this.#serializer = serializer;
    }

    /** Joins a realm; `welcome` are the details of the answer. */
    async join(options = {}) {
        const client = new Wampy(this.#router.url, {
            ws: Socket,
            realm: 'realm1',
            autoReconnect: false,
            serializer: this.#serializer.make(),
            ...options,
        });
        client.welcome = await within(client.connect());
        this.#open.push(client);
        return client;
    }

    async joinMany(count) {
        const clients = [];
        for (let number = 0; number < count; number += 1) {
            clients.push(await this.join());
        }
        return clients;
    }

    async close() {
        for (const client of this.#open) {
            if (client.getSessionId()) {
                await within(client.disconnect());
            }
        }
    }
}

/** Resolves when the router has worked off all that came before from this session. */
export async function settled(client, uri) {
    const answer = await within(client.call(`${uri}.nobody_has_this`)).then(
        () => 'a result',
        (error) => error.errorUri,
    );
    if (answer !== 'wamp.error.no_such_procedure') {
        throw new Error(`a procedure that nobody registered was answered with ${answer}`);
    }
}
