# webgpu.py SHADER.wgsl FOLDER: as vulkan.c, through WebGPU (wgpu of PyPI); 77 if there is none.
import os
import sys
import time

try:
    import wgpu
except ImportError:
    print("# no wgpu for python3")
    sys.exit(77)

shader, folder = sys.argv[1:]


def bytes_of(name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


try:
    adapter = wgpu.gpu.request_adapter_sync()
except Exception:
    adapter = None
if adapter is None:
    print("# no WebGPU device")
    sys.exit(77)
device = adapter.request_device_sync()
width, height, neurons = (int(v) for v in bytes_of("size.txt").split()[:3])
with open(shader) as f:
    code = f.read().replace("GMLP_NEURONS : u32 = 32u", "GMLP_NEURONS : u32 = %uu" % neurons)
pipeline = device.create_compute_pipeline(
    layout="auto", compute={"module": device.create_shader_module(code=code), "entry_point": "main"})
light = bytes_of("light")
storage, source = wgpu.BufferUsage.STORAGE, wgpu.BufferUsage.COPY_SRC
inputs = [device.create_buffer_with_data(data=bytes_of(name), usage=storage) for name in ("pack", "base")]
failed = False
for x, y in ((0, 0), (5, 3)):
    w, h = width - x, height - y
    result = device.create_buffer(size=16 * w * h, usage=storage | source)
    rectangle = b"".join(v.to_bytes(4, "little") for v in (x, y, w, h))
    buffers = inputs + [result, device.create_buffer_with_data(data=rectangle, usage=storage)]
    group = device.create_bind_group(
        layout=pipeline.get_bind_group_layout(0),
        entries=[{"binding": i, "resource": {"buffer": b, "offset": 0, "size": b.size}} for i, b in enumerate(buffers)])
    encoder = device.create_command_encoder()
    work = encoder.begin_compute_pass()
    work.set_pipeline(pipeline)
    work.set_bind_group(0, group)
    work.dispatch_workgroups((w + 7) // 8, (h + 7) // 8, 1)
    work.end()
    start = time.monotonic()
    device.queue.submit([encoder.finish()])
    got = bytes(device.queue.read_buffer(result))
    seconds = time.monotonic() - start
    other = 0
    for j in range(h):
        at = 16 * ((y + j) * width + x)
        want = light[at:at + 16 * w]
        other += got[16 * w * j:16 * w * (j + 1)] != want
    print("# %s: %.2f megapixels a second" % (adapter.info["device"], w * h / seconds / 1e6))
    print("# %u x %u pixels at %u, %u: %u of %u rows differ" % (w, h, x, y, other, h))
    failed |= other > 0
sys.exit(failed)
