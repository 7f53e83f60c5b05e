// Autobahn|JS against the router: what a browser or Node application does with it.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { LINKS, Sessions, autobahn, settle, settled } from './support/autobahn.js';
import { Inbox, startRouter, uniqueUri, within } from './support/router.js';

let router;

before(async () => {
    router = await startRouter();
});
after(() => router.stop());

for (const link of LINKS) {
    describe(link.name, () => {
        let sessions;
        let uri;

        beforeEach(() => {
            sessions = new Sessions(router, link);
            uri = uniqueUri();
        });
        afterEach(() => sessions.close());

        // SES-02 SES-04 SES-23 FEA-06
        test('a session joins and is told who it is', async () => {
            const session = await sessions.join();
            assert.ok(session.id >= 1 && session.id <= 2 ** 53);
            assert.equal(session.welcome.authrole, 'anonymous');
            assert.ok(session.features.caller.call_canceling);
            assert.ok(session.features.subscriber.pattern_based_subscription);
        });

        // SES-06 ERR-12
        test('an unknown realm is refused', async () => {
            await assert.rejects(sessions.join('no.such.realm'), { message: 'wamp.error.no_such_realm' });
        });

        // SES-10 ERR-09
        test('leaving is answered', async () => {
            const session = await sessions.join();
            session.connection.close();
            assert.equal((await within(session.closed)).reason, 'wamp.close.goodbye_and_out');
        });

        // BRK-01 BRK-08 BRK-09
        test('an event arrives with its arguments', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await settle(subscriber.subscribe(uri, (args, kwargs, event) => inbox.push({ args, kwargs, event })));
            const publication = await settle(publisher.publish(uri, [1, 'two', [3]], { four: 5 }, { acknowledge: true }));
            const { args, kwargs, event } = await inbox.next();
            assert.deepEqual(args, [1, 'two', [3]]);
            assert.deepEqual(kwargs, { four: 5 });
            assert.equal(event.publication, publication.id);
            assert.equal(event.publisher, undefined);
        });

        // PBS-01 PBS-03 PBS-04 PBS-06 PBS-07
        test('patterns match as the specification says', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            const receive = (args, _, event) => inbox.push([args[0], event.topic]);
            await settle(subscriber.subscribe(`${uri}.pre`, receive, { match: 'prefix' }));
            await settle(subscriber.subscribe(`${uri}..wild`, receive, { match: 'wildcard' }));
            for (const name of ['prefix.a', 'x.wild', 'pre.wild', 'x.y.wild', 'wild']) {
                publisher.publish(`${uri}.${name}`, [name]);
            }
            const received = [];
            for (let count = 0; count < 4; count += 1) {
                received.push(await inbox.next());
            }
            const expected = ['prefix.a', 'x.wild', 'pre.wild', 'pre.wild'].map((name) => [name, `${uri}.${name}`]);
            assert.deepEqual(received, expected);
            await settled(publisher, uri);
            await settled(subscriber, uri);
            assert.equal(inbox.length, 0);
        });

        // PEX-01 PEX-02 BRK-12
        test('a publisher hears itself only when it asks', async () => {
            const session = await sessions.join();
            const inbox = new Inbox();
            await settle(session.subscribe(uri, (args) => inbox.push(args[0])));
            session.publish(uri, ['default']);
            session.publish(uri, ['asked'], {}, { exclude_me: false });
            assert.equal(await inbox.next(), 'asked');
            await settled(session, uri);
            assert.equal(inbox.length, 0);
        });

        // BWL-01 BWL-04 BWL-07
        test('lists choose who gets an event', async () => {
            const [one, two, three, publisher] = await sessions.joinMany(4);
            const inbox = new Inbox();
            for (const session of [one, two, three]) {
                await settle(session.subscribe(uri, () => inbox.push(session.id)));
            }
            const options = { acknowledge: true, eligible: [one.id, two.id], exclude: [one.id] };
            await settle(publisher.publish(uri, [], {}, options));
            assert.equal(await inbox.next(), two.id);
            for (const session of [one, two, three]) {
                await settled(session, uri);
            }
            assert.equal(inbox.length, 0);
        });

        // PID-01 PID-02
        test('a publisher discloses itself when it asks', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await settle(subscriber.subscribe(uri, (args, kwargs, event) => inbox.push(event)));
            await settle(publisher.publish(uri, [], {}, { acknowledge: true, disclose_me: true }));
            const event = await inbox.next();
            assert.equal(event.publisher, publisher.id);
            assert.equal(event.publisher_authid, publisher.welcome.authid);
            assert.equal(event.publisher_authrole, 'anonymous');
        });

        // RET-01 RET-03 RET-05
        test('a late subscriber gets the retained event', async () => {
            const [publisher, subscriber] = await sessions.joinMany(2);
            await settle(publisher.publish(uri, ['kept'], {}, { acknowledge: true, retain: true }));
            const inbox = new Inbox();
            const receive = (args, _, event) => inbox.push([args[0], event.retained]);
            await settle(subscriber.subscribe(uri, receive, { get_retained: true }));
            assert.deepEqual(await inbox.next(), ['kept', true]);
        });

        // BRK-05 ORD-07
        test('nothing arrives after unsubscribing', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            const subscription = await settle(subscriber.subscribe(uri, (args) => inbox.push(args)));
            await settle(subscription.unsubscribe());
            await settle(publisher.publish(uri, [1], {}, { acknowledge: true }));
            await settled(subscriber, uri);
            assert.equal(inbox.length, 0);
        });

        // DLR-05 DLR-06
        test('arguments go there and results come back', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await settle(callee.register(uri, (args, kwargs) => new autobahn.Result(args, kwargs)));
            const result = await settle(caller.call(uri, [1, 'two', null], { three: { four: [5] } }));
            assert.deepEqual(result.args, [1, 'two', null]);
            assert.deepEqual(result.kwargs, { three: { four: [5] } });
        });

        // DLR-07
        test("a callee's error arrives with everything in it", async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await settle(
                callee.register(uri, () => {
                    throw new autobahn.Error('com.example.error.custom', ['text', 42], { reason: [1] });
                }),
            );
            await assert.rejects(settle(caller.call(uri)), (error) => {
                assert.equal(error.error, 'com.example.error.custom');
                assert.deepEqual(error.args, ['text', 42]);
                assert.deepEqual(error.kwargs, { reason: [1] });
                return true;
            });
        });

        // DLR-02 DLR-08 ERR-02 ERR-03
        test("the router's own errors have their URIs", async () => {
            const [one, two] = await sessions.joinMany(2);
            await assert.rejects(settle(one.call(uri)), (error) => error.error === 'wamp.error.no_such_procedure');
            await settle(one.register(uri, () => 1));
            await assert.rejects(
                settle(two.register(uri, () => 2)),
                (error) => error.error === 'wamp.error.procedure_already_exists',
            );
        });

        // SHR-01 SHR-05
        test('roundrobin goes round', async () => {
            const [one, two, caller] = await sessions.joinMany(3);
            await settle(one.register(uri, () => 1, { invoke: 'roundrobin' }));
            await settle(two.register(uri, () => 2, { invoke: 'roundrobin' }));
            const answers = [];
            for (let count = 0; count < 6; count += 1) {
                answers.push(await settle(caller.call(uri)));
            }
            assert.deepEqual(answers, [1, 2, 1, 2, 1, 2]);
        });

        // PBR-01 PBR-05 PBR-09
        test('a pattern registration is told what was called', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            const answer = (args, kwargs, details) => details.procedure;
            await settle(callee.register(`${uri}.pre`, answer, { match: 'prefix' }));
            await settle(callee.register(`${uri}..wild`, answer, { match: 'wildcard' }));
            for (const name of ['pre.a', 'prefix', 'x.wild']) {
                assert.equal(await settle(caller.call(`${uri}.${name}`)), `${uri}.${name}`);
            }
        });

        // CID-01 CID-02 CID-06
        test('a caller discloses itself when it asks', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            const seen = [];
            await settle(callee.register(uri, (args, kwargs, details) => seen.push(details)));
            await settle(caller.call(uri, [], {}, { disclose_me: true }));
            await settle(caller.call(uri));
            assert.equal(seen[0].caller, caller.id);
            assert.equal(seen[0].caller_authid, caller.welcome.authid);
            assert.equal(seen[0].caller_authrole, 'anonymous');
            assert.equal(seen[1].caller, undefined);
        });

        // TMO-01 TMO-03 TMO-11
        test('a call ends after its timeout', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            let release;
            await settle(callee.register(uri, () => new Promise((resolve) => (release = resolve))));
            const started = Date.now();
            await assert.rejects(
                settle(caller.call(uri, [], {}, { timeout: 150 })),
                (error) => error.error === 'wamp.error.timeout',
            );
            assert.ok(Date.now() - started >= 149);
            release('too late');
            await settled(callee, uri);
            await settled(caller, uri);
        });

        // CAN-07 CAN-08 PVI-08
        test('canceling a callee that does not support it answers the caller at once', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            let release;
            await settle(callee.register(uri, () => new Promise((resolve) => (release = resolve))));
            const call = caller.call(uri);
            await settled(caller, uri);
            // In the mode "kill" this client waits for the router's answer; in the others it invents one.
            call.cancel({ mode: 'kill' });
            await assert.rejects(settle(call), (error) => error.error === 'wamp.error.canceled');
            release('too late');
            await settled(callee, uri);
            await settled(caller, uri);
        });

        // SER-03 SER-15
        test('values survive the way there and back', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await settle(callee.register(uri, (args) => args[0]));
            const values = [
                [0, -1, 255, 65536, 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1)],
                [0.5, -1.25, 1e-7, 1.7976931348623157e308],
                'Grüße, 世界, \u{1f340}',
                [true, false, null, '', [], {}],
                { nested: [{ deep: [1, [2, [3]]] }] },
            ];
            for (const value of values) {
                assert.deepEqual(await settle(caller.call(uri, [value])), value);
            }
        });

        // RAW-12 WSK-07
        test('a mebibyte goes through', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await settle(callee.register(uri, (args) => args[0]));
            const text = 'ü'.repeat(1 << 19);
            assert.equal(await settle(caller.call(uri, [text])), text);
        });
    });
}
