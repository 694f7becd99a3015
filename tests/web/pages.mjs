// Pages in headless Chromium, and the native program to compare with: what the tests and the benchmark share.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
export const BUILT = join(ROOT, 'target/web');
export const PLANS = ['plain', 'layered', 'persistent-invocation', 'persistent-workgroup'];

// The software driver that Chromium brings with it, which native programs can use too.
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
export const hasSwiftShader = existsSync(SWIFTSHADER);

// Chromium's flags: the tests of the library read theirs from the same file. Pages that draw by WebGPU need more.
const { args: FLAGS } = JSON.parse(await readFile(join(HERE, 'webdriver.json')))['goog:chromeOptions'];
const DRAWING = ['--use-gl=angle', '--use-angle=swiftshader', '--use-vulkan=swiftshader', '--enable-features=Vulkan'];

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

// Serves a page that `tools/web build` has built, and starts a browser for it.
export async function open(name, { draws = false } = {}) {
    const server = createServer(async ({ url }, response) => {
        const path = url === '/' ? '/index.html' : new URL(url, 'http://localhost').pathname;
        try {
            const file = await readFile(join(BUILT, name, path));
            response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream').end(file);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...(draws ? DRAWING : [])] });
    const close = async () => {
        await browser.close();
        server.close();
    };
    return { url: `http://127.0.0.1:${server.address().port}/`, browser, close };
}

// A visit of the page. `before` runs in it ahead of its own scripts. What its console says against it gathers in `complaints`.
export async function visit({ url, browser }, { before, ...context } = {}) {
    const page = await browser.newPage(context);
    const complaints = [];
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    if (before) await page.addInitScript(before);
    await page.goto(url);
    return { page, complaints };
}

// XOR trained on the page `tests`.
export async function learn(page, plan, epochs) {
    await page.waitForFunction(() => globalThis.xor);
    return JSON.parse(await page.evaluate(([plan, epochs]) => globalThis.xor(plan, epochs), [plan, epochs]));
}

// XOR trained by the native program of this package: on the machine's driver, or on Chromium's.
export async function native(plan, epochs, { swiftShader = false, built = 'debug' } = {}) {
    const program = join(ROOT, 'target/web-native', built, 'wgrad-web-tests');
    const env = { ...process.env, ...(swiftShader ? { VK_DRIVER_FILES: SWIFTSHADER } : {}) };
    const run = promisify(execFile)(join(ROOT, 'tools/with-vulkan'), [program, plan, String(epochs)], { env });
    return JSON.parse((await run).stdout);
}
