// Steps per second of each plan in Chromium, and of the native program on the same driver, in turns: the medians. And how soon the
// window trains, and answers while it trains.
//
//   node tests/web/bench.mjs [ROUNDS]

import { setTimeout } from 'node:timers/promises';
import { PLANS, hasSwiftShader, learn, native, open, visit } from './pages.mjs';
import { Window } from './window.mjs';

const EPOCHS = { plain: 600, layered: 2_000, 'persistent-invocation': 250_000, 'persistent-workgroup': 40_000 };
const ON = { swiftShader: hasSwiftShader, built: 'release' };
const rounds = Number(process.argv[2] ?? 5);
if (!(rounds >= 1)) throw new Error('expected a number of rounds');

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (steps) => Math.round(steps).toLocaleString('en').padStart(12);

async function timePlans() {
    const site = await open('tests');
    const { page } = await visit(site);
    console.log(`${site.browser.version()}, ${rounds} rounds; natively on ${hasSwiftShader ? 'the same driver' : 'ANOTHER driver'}`);
    console.log(`${'steps per second'.padEnd(22)}${'browser'.padStart(12)}${'native'.padStart(12)}   ratio`);
    for (const plan of PLANS) {
        const [browser, natively] = [[], []];
        for (let round = 0; round < rounds; round++) {
            browser.push((await learn(page, plan, EPOCHS[plan])).steps_per_second);
            natively.push((await native(plan, EPOCHS[plan], ON)).steps_per_second);
        }
        const ratio = median(browser) / median(natively);
        console.log(`${plan.padEnd(22)}${shown(median(browser))}${shown(median(natively))}   ${ratio.toFixed(2).padStart(5)}`);
    }
    await site.close();
}

// A point is drawn; the milliseconds from letting go of the mouse to the animation frame that begins with its being counted.
async function answer(window, x, y) {
    const place = await window.place(x, y);
    await window.page.evaluate(() => {
        const counted = () => globalThis.wgrad.status().controls.find(({ value }) => / orange points$/.test(value)).value;
        const before = counted();
        globalThis.answer = new Promise((resolve) => addEventListener('pointerup', ({ timeStamp }) => {
            const look = (now) => (counted() === before ? requestAnimationFrame(look) : resolve(now - timeStamp));
            requestAnimationFrame(look);
        }, { once: true, capture: true }));
    });
    await window.page.mouse.click(...place);
    return window.page.evaluate(() => globalThis.answer);
}

async function useWindow() {
    const site = await open('window', { draws: true });
    const [firsts, answers, frames] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
        const begin = performance.now();
        const window = await Window.open(site);
        await window.press('Train');
        await window.until(({ step }) => step > 0);
        firsts.push(performance.now() - begin);
        await setTimeout(2000);
        for (let i = 0; i < 10; i++) answers.push(await answer(window, -0.9 + 0.18 * i, 0.1 * (round % 8)));
        frames.push((await window.status()).milliseconds_per_frame);
        await window.close();
    }
    const most = Math.max(...answers);
    console.log(`the window: ${Math.round(median(firsts))} ms from opening it to its first step, Train being pressed;`);
    console.log(`while it trains, a click is answered in ${Math.round(median(answers))} ms, ${Math.round(most)} at most; a frame is ${Math.round(median(frames))} ms`);
    await site.close();
}

await timePlans();
await useWindow();
