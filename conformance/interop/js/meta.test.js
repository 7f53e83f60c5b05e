// The meta API as Autobahn|JS and Wampy use it: sessions, subscriptions, testaments, histories, schemas.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { LINKS, Sessions as AutobahnSessions, autobahn, settle } from './support/autobahn.js';
import { Inbox, startRouter, uniqueUri, within } from './support/router.js';
import { SERIALIZERS, Sessions as WampySessions } from './support/wampy.js';

const HISTORIES = Array.from({ length: LINKS.length + SERIALIZERS.length }, (_, number) => `com.example.history.${number}`);
const DECLARATION = { type: 'topic', title: 'A point', args: { items: { type: 'number' }, maxItems: 2 } };

let router;

before(async () => {
    router = await startRouter({
        version: 2,
        realms: [
            {
                name: 'realm1',
                roles: [{ name: 'anonymous', 'allow-by-default': true }],
                store: { type: 'memory', 'event-history': HISTORIES.map((uri) => ({ uri })) },
            },
        ],
        transports: [{ type: 'universal', endpoint: { type: 'tcp', interface: '127.0.0.1', port: 0 } }],
    });
});
after(() => router.stop());

/** One way to use both clients: what differs between them is here, and the tests are the same. */
const withAutobahn = (link) => ({
    sessions: () => new AutobahnSessions(router, link),
    id: (session) => session.id,
    authid: (session) => session.welcome.authid,
    /** The results of a call, by position. */
    async call(session, procedure, args = [], kwargs = {}) {
        const result = await settle(session.call(procedure, args, kwargs));
        if (result instanceof autobahn.Result) {
            return result.args;
        }
        // A single one comes without its list, and none as undefined.
        return result === undefined ? [] : [result];
    },
    subscribe: (session, topic, inbox) => settle(session.subscribe(topic, (args) => inbox.push(args))),
    publish: (session, topic, args) => settle(session.publish(topic, args, {}, { acknowledge: true })),
    /** Why the router ended a session. */
    async closed(session) {
        const { reason, message } = await within(session.closed);
        return { reason, message };
    },
    leave: (session) => session.connection.close(),
    errorOf: (error) => error.error,
});

const withWampy = (serializer) => ({
    sessions: () => new WampySessions(router, serializer),
    id: (client) => client.getSessionId(),
    authid: (client) => client.welcome.authid,
    async call(client, procedure, argsList = [], argsDict = {}) {
        const result = await within(client.call(procedure, { argsList, argsDict }));
        return result.argsList ?? [];
    },
    subscribe: (client, topic, inbox) => within(client.subscribe(topic, ({ argsList }) => inbox.push(argsList))),
    publish: (client, topic, argsList) => within(client.publish(topic, { argsList })),
    leave: (client) => within(client.disconnect()),
    errorOf: (error) => error.errorUri,
});

const clients = [
    ...LINKS.map((link) => ({ name: `Autobahn|JS ${link.name}`, ...withAutobahn(link) })),
    ...SERIALIZERS.map((serializer) => ({ name: `Wampy ${serializer.name}`, ...withWampy(serializer) })),
];

for (const [number, client] of clients.entries()) {
    describe(client.name, () => {
        let sessions;
        let uri;

        /** A session in a realm that the sessions of earlier tests have left. */
        async function joinAlone() {
            const session = await sessions.join();
            while ((await client.call(session, 'wamp.session.count'))[0] !== 1);
            return session;
        }

        const failsWith = (expected) => (error) => {
            assert.equal(client.errorOf(error), expected);
            return true;
        };

        beforeEach(() => {
            sessions = client.sessions();
            uri = uniqueUri();
        });
        afterEach(() => sessions.close());

        // MSE-05 MSE-06 MSE-07 MSE-14 MSE-15
        test('sessions are counted, listed and described', async () => {
            const one = await joinAlone();
            const two = await sessions.join();
            assert.deepEqual(await client.call(one, 'wamp.session.count', [], { filter_authroles: ['anonymous'] }), [2]);
            const [ids] = await client.call(one, 'wamp.session.list');
            assert.deepEqual(ids.sort(), [client.id(one), client.id(two)].sort());
            for (const [args, kwargs] of [[[client.id(two)], {}], [[], { session_id: client.id(two) }]]) {
                const [details] = await client.call(one, 'wamp.session.get', args, kwargs);
                assert.equal(details.session, client.id(two));
                assert.equal(details.authid, client.authid(two));
                assert.equal(details.authrole, 'anonymous');
                assert.equal(details.transport.channel_type, 'tcp');
            }
            await assert.rejects(client.call(one, 'wamp.session.get', [1]), failsWith('wamp.error.no_such_session'));
            await assert.rejects(client.call(one, 'wamp.session.get', ['x']), failsWith('wamp.error.invalid_argument'));
        });

        // MSE-01 MSE-02
        test('joining and leaving are told', async () => {
            const watcher = await joinAlone();
            const [joins, leaves] = [new Inbox(), new Inbox()];
            await client.subscribe(watcher, 'wamp.session.on_join', joins);
            await client.subscribe(watcher, 'wamp.session.on_leave', leaves);
            const session = await sessions.join();
            const [id, authid] = [client.id(session), client.authid(session)];
            const [details] = await joins.next();
            assert.deepEqual([details.session, details.authid], [id, authid]);
            await client.leave(session);
            assert.deepEqual(await leaves.next(), [id, authid, 'anonymous']);
        });

        // MSE-08 MSE-09 MSE-18
        test('a session is killed', async () => {
            const killer = await joinAlone();
            const leaves = new Inbox();
            await client.subscribe(killer, 'wamp.session.on_leave', leaves);
            const victim = await sessions.join();
            const id = client.id(victim);
            await client.call(killer, 'wamp.session.kill', [id], { reason: 'com.example.maintenance', message: 'Soon back' });
            assert.equal((await leaves.next())[0], id);
            assert.deepEqual(await client.call(killer, 'wamp.session.list'), [[client.id(killer)]]);
            if (client.closed) {
                assert.deepEqual(await client.closed(victim), { reason: 'com.example.maintenance', message: 'Soon back' });
            }
            for (const nobody of [id, client.id(killer)]) {
                const call = client.call(killer, 'wamp.session.kill', [nobody]);
                await assert.rejects(call, failsWith('wamp.error.no_such_session'));
            }
        });

        // MSB-06 MSB-07 MSB-08 MSB-09 MSB-10
        test('subscriptions are found', async () => {
            const [one, two] = await sessions.joinMany(2);
            assert.deepEqual(await client.call(two, 'wamp.subscription.match', [uri]), [null]);
            await client.subscribe(one, uri, new Inbox());
            const [[id, ...others]] = await client.call(two, 'wamp.subscription.match', [uri]);
            assert.deepEqual(others, []);
            assert.deepEqual(await client.call(two, 'wamp.subscription.lookup', [uri, { match: 'exact' }]), [id]);
            const [details] = await client.call(two, 'wamp.subscription.get', [id]);
            assert.deepEqual([details.id, details.uri, details.match], [id, uri, 'exact']);
            assert.deepEqual(await client.call(two, 'wamp.subscription.list_subscribers', [id]), [[client.id(one)]]);
            assert.deepEqual(await client.call(two, 'wamp.subscription.count_subscribers', [id]), [1]);
        });

        // TST-01 TST-02 TST-04
        test('testaments are published', async () => {
            const [heir, session] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await client.subscribe(heir, uri, inbox);
            await client.call(session, 'wamp.session.add_testament', [uri, ['destroyed', 1], {}]);
            const named = { topic: uri, args: ['detached', { two: 2 }], kwargs: {}, publish_options: {}, scope: 'detached' };
            await client.call(session, 'wamp.session.add_testament', [], named);
            await client.leave(session);
            assert.deepEqual(await inbox.next(), ['detached', { two: 2 }]);
            assert.deepEqual(await inbox.next(), ['destroyed', 1]);
        });

        // HIS-02 HIS-03 HIS-05 HIS-07
        test('a history is read', async () => {
            const [publisher, reader] = await sessions.joinMany(2);
            const topic = HISTORIES[number];
            const [id] = await client.call(reader, 'wamp.subscription.lookup', [topic]);
            for (const value of [0, 1, 2, 3]) {
                await client.publish(publisher, topic, [value]);
            }
            const read = (args, kwargs) => client.call(reader, 'wamp.subscription.get_events', [id, ...args], kwargs);
            const events = await read([], {});
            assert.deepEqual(events.map(({ args }) => args), [[0], [1], [2], [3]]);
            assert.ok(events.every(({ timestamp }) => !Number.isNaN(Date.parse(timestamp))));
            const after = { after_publication: events[0].publication };
            assert.deepEqual((await read([2], after)).map(({ args }) => args), [[1], [2]]);
            const newest = await read([], { limit: 2, reverse: true });
            assert.deepEqual(newest.map(({ args }) => args), [[3], [2]]);
        });

        // REF-01 REF-02
        test('schemas are declared and described', async () => {
            const session = await sessions.join();
            const inbox = new Inbox();
            await client.subscribe(session, 'wamp.schema.on_define', inbox);
            assert.deepEqual(await client.call(session, 'wamp.schema.define', [uri, DECLARATION]), [true]);
            assert.deepEqual(await inbox.next(), [uri, DECLARATION, true]);
            assert.deepEqual(await client.call(session, 'wamp.schema.describe', [uri]), [DECLARATION]);
            assert.deepEqual(await client.call(session, 'wamp.schema.describe'), [{ [uri]: DECLARATION }]);
            assert.deepEqual(await client.call(session, 'wamp.schema.define', [uri, null]), [false]);
        });

        // REF-06
        test('what is not there is no procedure', async () => {
            const session = await sessions.join();
            const call = client.call(session, 'wamp.session.nothing');
            await assert.rejects(call, failsWith('wamp.error.no_such_procedure'));
        });
    });
}
