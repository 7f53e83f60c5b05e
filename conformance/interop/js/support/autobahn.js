// Autobahn|JS sessions over each transport and serializer that it has in Node.

import autobahn from 'autobahn';
import { WebSocket } from 'ws';

import { within } from './router.js';

// Autobahn|JS takes the platform's WebSocket, which Node has only from version 22 on.
globalThis.WebSocket ??= WebSocket;

const { serializer } = autobahn;

/** Each way in which this client can reach the router. */
export const LINKS = [
    { name: 'websocket-json', make: (router) => websocket(router, new serializer.JSONSerializer()) },
    { name: 'websocket-msgpack', make: (router) => websocket(router, new serializer.MsgpackSerializer()) },
    { name: 'websocket-cbor', make: (router) => websocket(router, new serializer.CBORSerializer()) },
    { name: 'rawsocket-json', make: (router) => ({ type: 'rawsocket', host: '127.0.0.1', port: router.port }) },
];

function websocket(router, serializer) {
    return { type: 'websocket', url: router.url, serializers: [serializer] };
}

/** Makes sessions over one link and closes them all. */
export class Sessions {
    #router;
    #link;
    #connections = [];

    constructor(router, link) {
        this.#router = router;
        this.#link = link;
    }

    /** Joins a realm; rejects with the reason if the router says no. */
    join(realm = 'realm1') {
        const connection = new autobahn.Connection({
            realm,
            transports: [this.#link.make(this.#router)],
            max_retries: 0,
            on_user_error: () => {},
            on_internal_error: () => {},
        });
        this.#connections.push(connection);
        return within(
            new Promise((resolve, reject) => {
                connection.onopen = (session, details) => {
                    session.welcome = details;
                    session.connection = connection;
                    session.closed = new Promise((done) => {
                        connection.onclose = (_, why) => {
                            done(why);
                            return true;
                        };
                    });
                    resolve(session);
                };
                connection.onclose = (_, why) => {
                    reject(new Error(why.reason));
                    return true;
                };
                connection.open();
            }),
        );
    }

    async joinMany(count) {
        const sessions = [];
        for (let number = 0; number < count; number += 1) {
            sessions.push(await this.join());
        }
        return sessions;
    }

    async close() {
        for (const connection of this.#connections) {
            if (connection.session?.isOpen) {
                const { closed } = connection.session;
                connection.close();
                await within(closed);
            }
        }
    }
}

/** The promise of an Autobahn|JS call, whose own may be of a library. */
export function settle(promise) {
    return within(new Promise((resolve, reject) => promise.then(resolve, reject)));
}

/** Resolves when the router has worked off all that came before from this session. */
export async function settled(session, uri) {
    const answer = await settle(session.call(`${uri}.nobody_has_this`)).then(
        () => 'a result',
        (error) => error.error,
    );
    if (answer !== 'wamp.error.no_such_procedure') {
        throw new Error(`a procedure that nobody registered was answered with ${answer}`);
    }
}

export { autobahn };
