// The example applications in JavaScript, run as their README says.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startRouter, within } from './support/router.js';

const TERMINAL = fileURLToPath(new URL('../../../examples/chat/terminal.js', import.meta.url));
const PACKAGES = fileURLToPath(new URL('./node_modules', import.meta.url));

let router;
before(async () => {
    router = await startRouter();
});
after(() => router.stop());

/** Enters the chat as a person at a terminal would. */
function enter(name) {
    const env = { ...process.env, NODE_PATH: PACKAGES };
    const child = spawn(process.execPath, [TERMINAL, name, router.url], { env, stdio: ['pipe', 'pipe', 'inherit'] });
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
