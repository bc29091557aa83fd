// Executes the bundle's model: onnxruntime-web for .onnx, LiteRT.js for .tflite. Both sides speak of tensors as
// {data, dims}. WebGPU is asked for only where the browser really gives an adapter.

/** Opens a model. `accelerator` is "webgpu", "wasm", or "auto" for the first of these that there is. */
export async function openModel(url, accelerator) {
  const adapter = accelerator === "wasm" ? null : await navigator.gpu?.requestAdapter();
  if (accelerator === "webgpu" && !adapter) throw new Error("this browser gives no WebGPU adapter; use ?accelerator=wasm");
  const open = url.pathname.endsWith(".tflite") ? openLiteRt : openOnnxRuntime;
  return open(url, Boolean(adapter));
}

async function openOnnxRuntime(url, gpu) {
  const ort = await import(gpu ? "onnxruntime-web/webgpu" : "onnxruntime-web/wasm");
  ort.env.wasm.wasmPaths = new URL("node_modules/onnxruntime-web/dist/", document.baseURI).href;
  ort.env.wasm.numThreads = threads();
  const session = await ort.InferenceSession.create(url.href, { executionProviders: [gpu ? "webgpu" : "wasm"] });
  return {
    title: `onnxruntime-web, ${gpu ? "WebGPU" : `WebAssembly, ${threads()} threads`}`,
    async run({ data, dims }) {
      const type = data instanceof Uint8Array ? "uint8" : "float32";
      const results = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, data, dims) });
      return session.outputNames.map((name) => ({ data: results[name].data, dims: results[name].dims }));
    },
  };
}

async function openLiteRt(url, gpu) {
  const { Tensor, loadAndCompile, loadLiteRt } = await import("@litertjs/core");
  // The threaded build throws in a page that is not cross-origin isolated.
  await loadLiteRt(new URL("node_modules/@litertjs/core/wasm/", document.baseURI).href, { threads: crossOriginIsolated });
  const options = { accelerator: gpu ? "webgpu" : "wasm", cpuOptions: { numThreads: threads() } };
  const model = await loadAndCompile(url.href, options);
  const onGpu = gpu && model.isFullyAccelerated;
  return {
    title: `LiteRT.js, ${onGpu ? "WebGPU" : `WebAssembly, ${threads()} threads`}`,
    async run({ data, dims }) {
      const input = new Tensor(data, dims);
      const results = await model.run(input);
      input.delete();
      const outputs = [];
      for (const result of results) {
        outputs.push({ data: await result.data(), dims: [...result.type.layout.dimensions] });
        result.delete();
      }
      return outputs;
    },
  };
}

function threads() {
  return crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 4) : 1;
}
