// examples/window in a browser's tab: it learns, is used by mouse and by finger, and says in words what is wrong.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { BUILT, open, visit } from './pages.mjs';
import { Window } from './window.mjs';

const PICTURES = join(BUILT, 'pictures');
// At a scale of 1: Chromium does not scale what it emulates for a canvas, devicePixelContentBoxSize.
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };

// XOR, and whether a point's class is orange.
const CORNERS = [[-0.6, -0.6, false], [-0.6, 0.6, true], [0.6, -0.6, true], [0.6, 0.6, false]];

const site = await open('window', { draws: true });
await mkdir(PICTURES, { recursive: true });
after(site.close);

const hasLearned = ({ loss }) => loss !== null && loss < 0.01;
const hasTrained = ({ step }) => step > 0;

function windowTest(what, context, steps) {
    test(what, async () => {
        const window = await Window.open(site, context);
        await steps(window);
        assert.deepEqual(window.complaints, []);
        await window.close();
    });
}

// Whether the square shows each corner, beside its point, in the color of its class.
async function assertShowsXor(window) {
    const places = [];
    for (const [x, y] of CORNERS) places.push(await window.place(x, y * 1.15));
    const seen = (await window.colors(places)).map(([red, , blue]) => red > blue);
    assert.deepEqual(seen, CORNERS.map(([, , orange]) => orange));
}

// Waits until the window paints no more, and has no step further.
async function rests(window) {
    const { step } = await window.status();
    for (let turn = 0; turn < 20; turn++) {
        const { frames } = await window.status();
        await window.page.waitForTimeout(500);
        const status = await window.status();
        assert.equal(status.step, step);
        if (status.frames === frames) return;
    }
    assert.fail('it paints, though nothing happens');
}

async function picture(window, name) {
    await window.page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

// The tensors of a safetensors file.
function tensors(bytes) {
    const start = 8 + Number(bytes.readBigUInt64LE());
    const { __metadata__, ...places } = JSON.parse(bytes.subarray(8, start));
    return Object.fromEntries(Object.entries(places).map(([name, { data_offsets: [from, to] }]) => [name, bytes.subarray(start + from, start + to)]));
}

// A file as the library writes it, with a network of these units, its parameters 0.
function zeros(units) {
    const metadata = { wgrad: '2', 'wgrad.checksum': '00000000', 'wgrad.mlp': String(units[0]) };
    const header = { __metadata__: metadata };
    let offset = 0;
    for (let layer = 1; layer < units.length; layer++) {
        metadata['wgrad.mlp'] += ` → linear ${units[layer]} with bias → sigmoid`;
        for (const [name, shape] of [['bias', [units[layer]]], ['weight', [units[layer], units[layer - 1]]]]) {
            const bytes = 4 * shape.reduce((a, b) => a * b);
            header[`${2 * (layer - 1)}.${name}`] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
            offset += bytes;
        }
    }
    const file = () => {
        const text = Buffer.from(JSON.stringify(header));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(text.length));
        return Buffer.concat([length, text, Buffer.alloc(offset)]);
    };
    metadata['wgrad.checksum'] = crc32(file()).toString(16).padStart(8, '0');
    return file();
}

for (const colorScheme of ['light', 'dark']) {
    windowTest(`it learns XOR, and rests when it is paused: ${colorScheme}`, { colorScheme }, async (window) => {
        assert.equal((await window.status()).step, null);
        await window.press('Train');
        await window.until(hasLearned);
        await window.press('Pause');
        await window.until(({ training }) => !training);
        await assertShowsXor(window);
        const [[red]] = await window.colors([[300, 50]]);
        assert.ok(colorScheme === 'light' ? red > 200 : red < 50, `the background has ${red} of 255 red`);
        await picture(window, colorScheme);
        await rests(window);
    });
}

windowTest('a phone: it is used by finger, and nothing is out of reach', PHONE, async (window) => {
    await window.press('Train');
    await window.until(hasLearned);
    await window.press('Pause');
    await window.until(({ training }) => !training);
    await assertShowsXor(window);
    await picture(window, 'phone');
    for (const { name, rect: [left, , width] } of (await window.status()).controls) {
        assert.ok(left >= 0 && left + width <= 360, `${name} is from ${left} to ${left + width} of 360`);
    }
    await window.touch(...(await window.place(0, 0.3)));
    await window.until(({ controls }) => controls.some(({ value }) => value === '3 blue and 2 orange points'));
    await window.page.setViewportSize({ width: 740, height: 360 });
    await window.until(({ controls }) => controls.find(({ name }) => name === 'surface').rect[3] < 360);
});

windowTest('points are drawn, and layers, loss and optimizer chosen', {}, async (window) => {
    await window.press('Two spirals');
    await window.press('Empty');
    await window.touch(...(await window.place(-0.5, 0)));
    await window.touch(...(await window.place(0.5, 0)), { button: 'right' });
    await window.until(({ controls }) => controls.some(({ value }) => value === '1 blue and 1 orange points'));
    await window.slide('hidden layers', 0.33);
    await window.until(({ network }) => /^2-32-1,/.test(network));
    await window.choose('activation', 'tanh');
    await window.choose('loss', 'binary_cross_entropy');
    await window.choose('optimizer', 'adam(0.9, 0.999, 1e-8)');
    await window.press('Train');
    await window.until(hasLearned);
    await window.press('Ring');
    await window.until(({ loss, step }) => loss !== null && step > 100);
    await window.until(hasLearned);
    await picture(window, 'web'); // docs/web.png
});

windowTest('a network is saved, and loaded with its layers and points', {}, async (window) => {
    await window.press('Train');
    await window.until(hasLearned);
    await window.press('Pause');
    await window.until(({ training }) => !training);
    const saved = await window.save();
    assert.equal(saved.name, 'network.safetensors');
    await window.press('Empty');
    await window.slide('hidden layers', 0.33);
    await window.until(({ network }) => /^2-32-1,/.test(network));
    await window.give('Load', 'mine.safetensors', saved.bytes);
    await window.says('loaded mine.safetensors');
    await window.until(({ controls }) => controls.some(({ value }) => value === '2 blue and 2 orange points'));
    assert.equal((await window.status()).network, '2-32-32-1, 1185 parameters');
    await assertShowsXor(window);
    assert.deepEqual(tensors((await window.save()).bytes), tensors(saved.bytes));
    await window.press('Train');
    await window.until(hasTrained);
});

windowTest('what is wrong with a file is said, and nothing is lost', {}, async (window) => {
    await window.press('Train');
    await window.until(hasLearned);
    const { network } = await window.status();
    const { bytes } = await window.save();
    const broken = Buffer.from(bytes);
    broken[broken.length - 2] ^= 1;
    for (const [name, file, words] of [
        ['empty', '', /a whole safetensors file/],
        ['text', 'no network at all', /a whole safetensors file/],
        ['cut off', bytes.subarray(0, bytes.length - 4), /cut off\.safetensors: /],
        ['broken', broken, /checksum/],
        ['solid', zeros([3, 4, 1]), /3 inputs/],
        ['huge', zeros([2, 3000, 1500, 1]), /must be 1 to 256/],
    ]) {
        await window.give('Load', `${name}.safetensors`, file);
        await window.until((status, name) => status.is_error && status.message.includes(name), name);
        const status = await window.status();
        assert.match(status.message, words);
        assert.equal(status.network, network);
    }
    await window.press('Train');
    await window.until((status) => status.training && !status.is_error && status.step > 0);
});

windowTest('a picture is learned, and a file that is none is told in words', {}, async (window) => {
    await window.press('Picture');
    await window.press('Train');
    await window.until(({ decibels }) => decibels > 15);
    await picture(window, 'picture');
    await window.give('Open a picture', 'none.png', 'no picture');
    await window.until(({ is_error }) => is_error);
    assert.match((await window.status()).message, /none\.png/);
    await window.give('Open a picture', 'mine.png', await window.page.screenshot());
    await window.until(({ controls }) => controls.some(({ value }) => /^mine\.png, 1280 × 720/.test(value)));
    await window.until(({ training, decibels }) => training && decibels > 5);
});

// Keeps the page's devices where a test can destroy them.
const keepDevices = () => {
    globalThis.devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...wish) {
        const device = await request.apply(this, wish);
        globalThis.devices.push(device);
        return device;
    };
};

windowTest('a lost device is told, and another one goes on', { before: keepDevices }, async (window) => {
    const lose = () => window.page.evaluate(() => globalThis.devices.at(-1).destroy());
    await window.press('Train');
    await window.until(hasLearned);
    // Every other second the parameters are copied.
    await window.page.waitForTimeout(3000);
    await lose();
    await window.says('The GPU device was lost');
    assert.equal(await window.page.evaluate(() => globalThis.devices.length), 2);
    assert.equal(await window.page.innerText('#words'), '');
    // Lost again, soon after: whoever is asked may try once more.
    await lose();
    const again = window.page.getByRole('button', { name: 'Start again' });
    await again.waitFor();
    assert.match(await window.page.innerText('#words'), /lost .*, again and again/);
    await picture(window, 'lost');
    await again.click();
    await window.page.locator('#words:empty').waitFor({ state: 'attached' });
    assert.equal(await window.page.evaluate(() => globalThis.devices.length), 3);
    await window.says('The GPU device was lost');
    await assertShowsXor(window);
    await window.press('Train');
    await window.until(hasTrained);
});

const without = {
    WebGPU: [() => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }), /the browser offers none/],
    'an adapter': [() => (GPU.prototype.requestAdapter = async () => null), /the browser offers none/],
    'its limits': [() => {
        GPUAdapter.prototype.requestDevice = async () => {
            throw new DOMException('Required limit (8) for "maxStorageBuffersPerShaderStage" is greater than the supported one (4)', 'OperationError');
        };
    }, /maxStorageBuffersPerShaderStage/],
};

for (const [what, [before, words]] of Object.entries(without)) {
    test(`without ${what} the page says so`, async () => {
        const { page, complaints } = await visit(site, { before });
        const place = page.locator('#words').filter({ hasNotText: 'Loading' });
        await place.waitFor({ timeout: 180_000 });
        assert.match(await place.innerText(), words);
        assert.deepEqual(complaints, []);
        await page.close();
    });
}
