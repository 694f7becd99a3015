// Steps per second of each plan in Chromium, and of the native program on the same driver, in turns: the medians.
//
//   node tests/web/bench.mjs [ROUNDS]

import { PLANS, hasSwiftShader, learn, native, open, visit } from './pages.mjs';

const EPOCHS = { plain: 600, layered: 2_000, 'persistent-invocation': 250_000, 'persistent-workgroup': 40_000 };
const ON = { swiftShader: hasSwiftShader, built: 'release' };
const rounds = Number(process.argv[2] ?? 5);
if (!(rounds >= 1)) throw new Error('expected a number of rounds');

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (steps) => Math.round(steps).toLocaleString('en').padStart(12);

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
