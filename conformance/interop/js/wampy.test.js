// Wampy against the router.
//
// What it sends is its own in two ways that a router has to live with: options that are not set travel as
// `undefined` (an extension in MessagePack, a simple value in CBOR), and integers beyond 32 bits, ids among
// them, travel as floats from CBOR, and from MessagePack where it did not receive them.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Inbox, startRouter, uniqueUri, within } from './support/router.js';
import { SERIALIZERS, Sessions, settled } from './support/wampy.js';

let router;

before(async () => {
    router = await startRouter();
});
after(() => router.stop());

const failsWith = (uri) => (error) => {
    assert.equal(error.errorUri, uri);
    return true;
};

for (const serializer of SERIALIZERS) {
    describe(serializer.name, () => {
        let sessions;
        let uri;

        beforeEach(() => {
            sessions = new Sessions(router, serializer);
            uri = uniqueUri();
        });
        afterEach(() => sessions.close());

        // SES-02 SES-04 FEA-01
        test('a session joins and is told what the router can do', async () => {
            const client = await sessions.join();
            assert.ok(client.getSessionId() >= 1);
            assert.equal(client.welcome.roles.dealer.features.progressive_call_results, true);
            assert.equal(client.welcome.roles.broker.features.payload_passthru_mode, true);
        });

        // SES-06 ERR-12
        test('an unknown realm is refused', async () => {
            await assert.rejects(sessions.join({ realm: 'no.such.realm' }), failsWith('wamp.error.no_such_realm'));
        });

        // SES-10
        test('leaving is answered', async () => {
            const client = await sessions.join();
            await within(client.disconnect());
            assert.ok(!client.getSessionId());
        });

        // BRK-01 BRK-08 BRK-09 MSG-04
        test('an event arrives with its arguments', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await within(subscriber.subscribe(uri, (event) => inbox.push(event)));
            const payload = { argsList: [1, 'two', [3]], argsDict: { four: 5 } };
            const { publicationId } = await within(publisher.publish(uri, payload));
            const { argsList, argsDict } = await inbox.next();
            assert.deepEqual(argsList, [1, 'two', [3]]);
            assert.deepEqual(argsDict, { four: 5 });
            assert.ok(publicationId >= 1);
        });

        // PBS-01 PBS-03 PBS-04 PBS-06 PBS-07
        test('patterns match as the specification says', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            const receive = ({ argsList, details }) => inbox.push([argsList[0], details.topic]);
            await within(subscriber.subscribe(`${uri}.pre`, receive, { match: 'prefix' }));
            await within(subscriber.subscribe(`${uri}..wild`, receive, { match: 'wildcard' }));
            const received = [];
            for (const [name, deliveries] of [['prefix', 1], ['x.wild', 1], ['pre.wild', 2], ['x.y.wild', 0]]) {
                await within(publisher.publish(`${uri}.${name}`, [name]));
                for (let count = 0; count < deliveries; count += 1) {
                    received.push(await inbox.next());
                }
            }
            const expected = ['prefix', 'x.wild', 'pre.wild', 'pre.wild'].map((name) => [name, `${uri}.${name}`]);
            assert.deepEqual(received, expected);
            await settled(subscriber, uri);
            assert.equal(inbox.length, 0);
        });

        // BWL-01 BWL-04 BWL-05 BWL-07
        test('lists choose who gets an event', async () => {
            const [one, two, three, publisher] = await sessions.joinMany(4);
            const inbox = new Inbox();
            for (const client of [one, two, three]) {
                await within(client.subscribe(uri, () => inbox.push(client.getSessionId())));
            }
            const eligible = [one.getSessionId(), two.getSessionId()];
            await within(publisher.publish(uri, [1], { eligible, exclude: [one.getSessionId()] }));
            assert.equal(await inbox.next(), two.getSessionId());
            await within(publisher.publish(uri, [1], { eligible_authid: three.welcome.authid }));
            assert.equal(await inbox.next(), three.getSessionId());
            for (const client of [one, two, three]) {
                await settled(client, uri);
            }
            assert.equal(inbox.length, 0);
        });

        // PID-01 BRK-12
        test('a publisher discloses itself when it asks, and does not hear itself', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await within(publisher.subscribe(uri, () => inbox.push('itself')));
            await within(subscriber.subscribe(uri, ({ details }) => inbox.push(details.publisher)));
            await within(publisher.publish(uri, [1], { disclose_me: true }));
            assert.equal(await inbox.next(), publisher.getSessionId());
            await settled(publisher, uri);
            assert.equal(inbox.length, 0);
        });

        // PPT-01 PPT-09 PPT-11 PPT-13
        test('a payload in passthru mode is unpacked at the other end', async () => {
            const [subscriber, publisher] = await sessions.joinMany(2);
            const inbox = new Inbox();
            await within(subscriber.subscribe(uri, (event) => inbox.push(event)));
            const options = { ppt_scheme: 'x_custom', ppt_serializer: 'json', ppt_keyid: 'key7' };
            await within(publisher.publish(uri, { argsList: [1, 2], argsDict: { three: 4 } }, options));
            const { details, argsList, argsDict } = await inbox.next();
            assert.equal(details.ppt_scheme, 'x_custom');
            assert.equal(details.ppt_keyid, 'key7');
            assert.deepEqual(argsList, [1, 2]);
            assert.deepEqual(argsDict, { three: 4 });
        });

        // DLR-05 DLR-06
        test('arguments go there and results come back', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await within(callee.register(uri, ({ argsList, argsDict }) => ({ argsList, argsDict })));
            const payload = { argsList: [1, 'two', null], argsDict: { three: { four: [5] } } };
            const { argsList, argsDict } = await within(caller.call(uri, payload));
            assert.deepEqual(argsList, payload.argsList);
            assert.deepEqual(argsDict, payload.argsDict);
        });

        // DLR-07
        test("a callee's error arrives with everything in it", async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await within(
                callee.register(uri, ({ error_handler: fail }) => {
                    fail({ error: 'com.example.error.custom', argsList: ['text', 42], argsDict: { reason: [1] } });
                    return new Promise(() => {});
                }),
            );
            await assert.rejects(within(caller.call(uri)), (error) => {
                assert.equal(error.errorUri, 'com.example.error.custom');
                assert.deepEqual(error.argsList, ['text', 42]);
                assert.deepEqual(error.argsDict, { reason: [1] });
                return true;
            });
        });

        // DLR-02 DLR-03 DLR-08 ERR-02 ERR-03
        test("the router's own errors have their URIs", async () => {
            const [one, two] = await sessions.joinMany(2);
            await assert.rejects(within(one.call(uri)), failsWith('wamp.error.no_such_procedure'));
            await within(one.register(uri, () => ({ argsList: [1] })));
            await assert.rejects(
                within(two.register(uri, () => {})),
                failsWith('wamp.error.procedure_already_exists'),
            );
            await within(one.unregister(uri));
            await assert.rejects(within(two.call(uri)), failsWith('wamp.error.no_such_procedure'));
        });

        // SHR-01 SHR-07
        test('first and last go to the oldest and the newest callee', async () => {
            const [one, two, caller] = await sessions.joinMany(3);
            for (const [policy, expected] of [['first', 1], ['last', 2]]) {
                await within(one.register(`${uri}.${policy}`, () => ({ argsList: [1] }), { invoke: policy }));
                await within(two.register(`${uri}.${policy}`, () => ({ argsList: [2] }), { invoke: policy }));
                assert.deepEqual((await within(caller.call(`${uri}.${policy}`))).argsList, [expected]);
            }
        });

        // PBR-01 PBR-09 CID-01
        test('a prefix registration is told what was called, and by whom', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            const answer = ({ details }) => ({ argsList: [details.procedure, details.caller] });
            await within(callee.register(`${uri}.pre`, answer, { match: 'prefix' }));
            const { argsList } = await within(caller.call(`${uri}.prefix`, [1], { disclose_me: true }));
            assert.deepEqual(argsList, [`${uri}.prefix`, caller.getSessionId()]);
        });

        // TMO-01 TMO-03
        test('a call ends after its timeout', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            let answer;
            await within(
                callee.register(uri, ({ result_handler: handler }) => {
                    answer = handler;
                    return new Promise(() => {});
                }),
            );
            await assert.rejects(within(caller.call(uri, [1], { timeout: 150 })), failsWith('wamp.error.timeout'));
            answer({ argsList: ['too late'] });
            await settled(callee, uri);
            await settled(caller, uri);
        });

        for (const mode of ['skip', 'kill', 'killnowait']) {
            // CAN-01 CAN-02 CAN-05 CAN-07 PVI-08
            test(`${mode} on a callee that cannot be interrupted answers the caller at once`, async () => {
                const [callee, caller] = await sessions.joinMany(2);
                let answer;
                await within(
                    callee.register(uri, ({ result_handler: handler }) => {
                        answer = handler;
                        return new Promise(() => {});
                    }),
                );
                const call = caller.call(uri);
                const { reqId } = caller.getOpStatus();
                await settled(caller, uri);
                caller.cancel(reqId, { mode });
                await assert.rejects(within(call), failsWith('wamp.error.canceled'));
                await settled(callee, uri);
                answer?.({ argsList: ['too late'] });
                await settled(callee, uri);
            });
        }

        // SER-03 SER-15
        test('values survive the way there and back', async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await within(callee.register(uri, ({ argsList }) => ({ argsList })));
            const values = [
                [0, -1, 255, 65536, 2 ** 31, -(2 ** 31)],
                [0.5, -1.25, 1e-7],
                'Grüße, 世界, \u{1f340}',
                [true, false, null, '', [], {}],
                { nested: [{ deep: [1, [2, [3]]] }] },
            ];
            for (const value of values) {
                assert.deepEqual((await within(caller.call(uri, [value]))).argsList, [value]);
            }
        });

        // SER-02
        test('octets survive where the serializer has them', { skip: serializer.name === 'json' }, async () => {
            const [callee, caller] = await sessions.joinMany(2);
            await within(callee.register(uri, ({ argsList }) => ({ argsList })));
            const octets = Buffer.from([0, 1, 2, 253, 254, 255]);
            const { argsList } = await within(caller.call(uri, [octets]));
            assert.ok(octets.equals(Buffer.from(argsList[0])));
        });
    });
}
