// examples/web-hello: what its page says.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { open, visit } from './pages.mjs';

const site = await open('hello');
after(site.close);

// What the page says, once it has said all.
async function said(page, last) {
    const text = page.locator('#said');
    await text.filter({ hasText: last }).waitFor({ timeout: 180_000 });
    return text.innerText();
}

test('the page learns XOR', async () => {
    const { page, complaints } = await visit(site);
    const lines = (await said(page, '[1.0, 1.0]')).trim().split('\n');
    assert.match(lines[0], /^epoch \d+, loss \d\.\d{4}$/);
    const classes = lines.slice(-4).map((line) => line.replace(/ gives \[0\.\d{3}, 0\.\d{3}\]/, ''));
    assert.deepEqual(classes, ['[0.0, 0.0]: class 0', '[0.0, 1.0]: class 1', '[1.0, 0.0]: class 1', '[1.0, 1.0]: class 0']);
    assert.deepEqual(complaints, []);
});

const without = {
    'without WebGPU': () => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }),
    'without an adapter': () => (GPU.prototype.requestAdapter = async () => null),
};

for (const [what, before] of Object.entries(without)) {
    test(`${what} the page says so`, async () => {
        const { page, complaints } = await visit(site, { before });
        const text = await said(page, 'error: ');
        assert.match(text, /WebGPU/);
        assert.deepEqual(complaints, []);
    });
}
