// The two JavaScript clients and their serializers with each other, octets included.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { LINKS, Sessions as AutobahnSessions, settle } from './support/autobahn.js';
import { Inbox, startRouter, uniqueUri, within } from './support/router.js';
import { SERIALIZERS, Sessions as WampySessions } from './support/wampy.js';

let router;

before(async () => {
    router = await startRouter();
});
after(() => router.stop());

for (const link of LINKS) {
    for (const serializer of SERIALIZERS) {
        const pair = `Autobahn|JS over ${link.name} and Wampy with ${serializer.name}`;

        // SER-01 SER-03
        test(`${pair} call each other`, async () => {
            const [autobahns, wampys] = [new AutobahnSessions(router, link), new WampySessions(router, serializer)];
            const [one, two] = [await autobahns.join(), await wampys.join()];
            const uri = uniqueUri();
            await settle(one.register(`${uri}.one`, (args) => args[0]));
            await within(two.register(`${uri}.two`, ({ argsList }) => ({ argsList })));
            for (const value of [[1, -1, 65536, 2 ** 31], 'Grüße, 世界', { a: [null, true, 0.5, { b: {} }] }]) {
                assert.deepEqual(await settle(one.call(`${uri}.two`, [value])), value);
                assert.deepEqual((await within(two.call(`${uri}.one`, [value]))).argsList, [value]);
            }
            await autobahns.close();
            await wampys.close();
        });

        // SER-04 SER-05
        test(`${pair} pass octets`, async () => {
            const [autobahns, wampys] = [new AutobahnSessions(router, link), new WampySessions(router, serializer)];
            const [one, two] = [await autobahns.join(), await wampys.join()];
            const uri = uniqueUri();
            const inbox = new Inbox();
            await settle(one.subscribe(uri, (args) => inbox.push(args[0])));
            const octets = Buffer.from([0, 1, 127, 128, 255]);
            // Neither client has octets in JSON; the convention is a string that starts with U+0000.
            const asText = `\u0000${octets.toString('base64')}`;
            await within(two.publish(uri, [serializer.name === 'json' ? asText : octets]));
            const received = await inbox.next();
            if (link.name.endsWith('json')) {
                assert.equal(received, asText);
            } else {
                assert.ok(octets.equals(Buffer.from(received)));
            }
            await autobahns.close();
            await wampys.close();
        });
    }
}
