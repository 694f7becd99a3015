// Compiles WGSL as Chromium does: by Dawn, its WebGPU, from npm's package `webgpu`. Its null backend needs no driver: Tint parses a
// text and analyses its uniformity, and a kernel's pipeline is made at WebGPU's default limits. The only feature is `subgroups`.
//
// Each line of the input is a JSON object:
//
//   label       the text's name, for Dawn's messages
//   code        the WGSL
//   entryPoint  of a kernel, whose pipeline is made too
//   constants   the values of its override constants
//   bindings    the types of bindings 0, 1, … of group 0; without these, the layout is what the text says
//
// Each is answered by a line: `answer`, and as JSON what Dawn says against it, even if that is a warning, or null. Dawn prints its
// warnings too, to lines of their own.

import { createInterface } from 'node:readline';
import { create, globals } from 'webgpu';

const SCOPES = ['validation', 'out-of-memory', 'internal'];

Object.assign(globalThis, globals);
// For as long as Node runs: without a reference Dawn is collected as garbage, and Node aborts.
globalThis.dawn = create(['backend=null']);
const adapter = await dawn.requestAdapter();
const device = await adapter.requestDevice({ requiredFeatures: ['subgroups'] });
device.lost.then(({ message }) => {
    console.error(`Dawn's device is lost: ${message}`);
    process.exit(1);
});

function pipelineLayout(bindings) {
    const entries = bindings.map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        ...(type === 'texture' ? { texture: { sampleType: 'unfilterable-float' } } : { buffer: { type } }),
    }));
    return device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
}

async function compile({ label, code, entryPoint, constants, bindings }) {
    SCOPES.forEach((scope) => device.pushErrorScope(scope));
    const module = device.createShaderModule({ label, code });
    if (entryPoint) {
        const layout = bindings ? pipelineLayout(bindings) : 'auto';
        device.createComputePipeline({ label, layout, compute: { module, entryPoint, constants } });
    }
    const errors = await Promise.all(SCOPES.map(() => device.popErrorScope()));
    const error = errors.find((error) => error);
    const { messages } = await module.getCompilationInfo();
    const warnings = messages.map(({ type, lineNum, linePos, message }) => `${lineNum}:${linePos} ${type}: ${message}`);
    return error?.message ?? (warnings.join('\n') || null);
}

for await (const line of createInterface({ input: process.stdin })) {
    // Dawn may have begun a line.
    process.stdout.write(`\nanswer ${JSON.stringify(await compile(JSON.parse(line)))}\n`);
}
process.exit(0);
