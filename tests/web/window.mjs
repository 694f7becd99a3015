// The window in a browser, used as its user does. Its canvas is opaque to the browser: `wgrad.status()` tells what it shows, and
// where its controls are.

import { visit } from './pages.mjs';

// egui says so on a driver without a GPU, which this is.
const EXPECTED = /Software rasterizer detected/;

// How long something may take on a busy machine before a test gives up.
const PATIENCE = { timeout: 180_000, polling: 20 };

export class Window {
    // A visit with the window open. `before` runs ahead of the page's own scripts.
    static async open(site, { viewport = { width: 1280, height: 720 }, ...context } = {}) {
        const { page, complaints } = await visit(site, { viewport, ...context });
        page.setDefaultTimeout(PATIENCE.timeout);
        const window = new Window(page, complaints, context.hasTouch);
        await window.until((status) => status.frames > 1);
        return window;
    }

    constructor(page, complaints, hasTouch = false) {
        Object.assign(this, { page, hasTouch, unfiltered: complaints });
    }

    get complaints() {
        return this.unfiltered.filter((words) => !EXPECTED.test(words));
    }

    status() {
        return this.page.evaluate(() => globalThis.wgrad.status());
    }

    // Waits until the condition, a function of the status and of `value`, holds. It runs in the page.
    async until(condition, value) {
        const holds = `(value) => { const status = globalThis.wgrad?.status(); return status?.frames && (${condition})(status, value); }`;
        try {
            await this.page.evaluate(`globalThis.holds = ${holds}`);
            await this.page.waitForFunction((value) => globalThis.holds(value), value, PATIENCE);
        } catch (error) {
            const words = await this.page.innerText('#words');
            const { controls, ...facts } = await this.status().catch(() => ({}));
            throw new Error(`${error.message}: until ${condition}; the page: ${words} ${JSON.stringify(facts)}`);
        }
    }

    says(words) {
        return this.until((status, words) => status.message.includes(words), words);
    }

    // Waits until a control is there and at rest, scrolls it into sight, and says where its middle is.
    async find(name, role) {
        const is = (control) => control.name === name && (!role || control.role === role);
        const { height: bottom } = this.page.viewportSize();
        let before;
        for (const end = Date.now() + PATIENCE.timeout; Date.now() < end; await this.painted()) {
            const control = (await this.status()).controls.find(is);
            if (!control) continue;
            const [left, top, width, height] = control.rect;
            const isAtRest = before === String(control.rect);
            before = String(control.rect);
            if (!isAtRest) continue;
            const beyond = Math.max(0, top + height - bottom) || Math.min(0, top);
            if (!beyond) return { ...control, x: left + width / 2, y: top + height / 2 };
            await this.page.mouse.move(100, bottom / 2);
            await this.page.mouse.wheel(0, beyond + 20 * Math.sign(beyond));
            before = undefined;
        }
        throw new Error(`there is no ${name} to be found`);
    }

    async press(name, role) {
        const { x, y } = await this.find(name, role);
        await this.touch(x, y);
    }

    // Waits until the window has painted, if it is to: it paints in animation frames, a second time where the layout has changed.
    painted() {
        return this.page.evaluate(async () => {
            for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
        });
    }

    // Clicks or taps, and waits until a frame has taken it: of two clicks in a frame, egui sees one.
    async touch(x, y, options) {
        if (this.hasTouch) await this.page.touchscreen.tap(x, y);
        else await this.page.mouse.click(x, y, options);
        await this.painted();
    }

    // Moves a slider to a fraction of its length. Its number is right of it, and a part of the control.
    async slide(name, fraction) {
        const { rect: [left, , width], y } = await this.find(name, 'Slider');
        await this.touch(left + fraction * width, y);
    }

    async choose(list, entry) {
        await this.press(list, 'ComboBox');
        await this.press(entry);
        const isChosen = ({ controls }, [list, entry]) => controls.some(({ name, value }) => name === list && value === entry);
        await this.until(isChosen, [list, entry]);
    }

    // Where a point of the square, from -1 to 1 with y upward, is on the page.
    async place(x, y) {
        const { rect: [left, top, width, height] } = await this.find('surface');
        return [left + (width * (1 + x)) / 2, top + (height * (1 - y)) / 2];
    }

    // Saves the network; the name and the bytes of the download.
    async save() {
        const download = this.page.waitForEvent('download');
        await this.press('Save');
        const file = await download;
        const chunks = [];
        for await (const chunk of await file.createReadStream()) chunks.push(chunk);
        await this.says('saved');
        return { name: file.suggestedFilename(), bytes: Buffer.concat(chunks) };
    }

    // Hands a file to the dialogue that a button opens.
    async give(button, name, bytes) {
        const chooser = this.page.waitForEvent('filechooser');
        await this.press(button);
        await (await chooser).setFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
    }

    // The red, green and blue at places of the page, as it is seen.
    async colors(places) {
        const picture = (await this.page.screenshot()).toString('base64');
        return this.page.evaluate(async ([picture, places]) => {
            const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
            const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
            context.drawImage(bitmap, 0, 0);
            const scale = bitmap.width / innerWidth;
            return places.map(([x, y]) => [...context.getImageData(x * scale, y * scale, 1, 1).data.slice(0, 3)]);
        }, [picture, places]);
    }

    close() {
        return this.page.close();
    }
}
