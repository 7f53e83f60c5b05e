// The router under test: started as a user would start it, and ended by its process id.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const READY = /listening on 127\.0\.0\.1:(\d+)/;
const START_TIMEOUT_MS = 30_000;

const WITHOUT_CONFIG = ['--listen', '127.0.0.1:0', '--realm', 'realm1'];

/** Starts a router on a free port; `config`, if there is one, is what its file says, and has one transport. */
export async function startRouter(config) {
    if (!config) {
        return start(WITHOUT_CONFIG);
    }
    const directory = await mkdtemp(join(tmpdir(), 'cloverleaf-js-'));
    const file = join(directory, 'node.json');
    await writeFile(file, JSON.stringify(config));
    try {
        return await start(['--config', file]);
    } finally {
        // The file was read when the router got ready.
        await rm(directory, { recursive: true });
    }
}

async function start(args) {
    const binary = process.env.CLOVERLEAF_BIN;
    if (!binary) {
        throw new Error("CLOVERLEAF_BIN must name the router's binary; `cargo xtask interop` sets it");
    }
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = [];
    const port = await new Promise((resolve, reject) => {
        const fail = (why) => reject(new Error(`the router did not get ready (${why}); it said:\n${log.join('\n')}`));
        const timer = setTimeout(fail, START_TIMEOUT_MS, 'it took too long');
        for (const stream of [child.stdout, child.stderr]) {
            createInterface({ input: stream }).on('line', (line) => {
                log.push(line);
                const found = READY.exec(line);
                if (found) {
                    clearTimeout(timer);
                    resolve(Number(found[1]));
                }
            });
        }
        child.once('error', (error) => fail(error.message));
        child.once('exit', (code) => fail(`it ended with ${code}`));
    });
    return {
        port,
        url: `ws://127.0.0.1:${port}/ws`,
        async stop() {
            if (child.exitCode === null && child.signalCode === null) {
                child.kill('SIGTERM');
                const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
                await once(child, 'exit');
                clearTimeout(force);
            }
        },
    };
}

let names = 0;

/** A URI that belongs to one test alone. */
export function uniqueUri() {
    names += 1;
    return `com.example.js${process.pid}.t${names}`;
}

/** Rejects if `promise` takes longer than a test should. */
export function within(promise, ms = 5000) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing happened within ${ms} ms`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a subscriber received, and a way to wait for it. */
export class Inbox {
    #items = [];
    #waiting = [];

    push(item) {
        const waiting = this.#waiting.shift();
        if (waiting) {
            waiting(item);
        } else {
            this.#items.push(item);
        }
    }

    next() {
        if (this.#items.length > 0) {
            return Promise.resolve(this.#items.shift());
        }
        return within(new Promise((resolve) => this.#waiting.push(resolve)));
    }

    get length() {
        return this.#items.length;
    }
}
