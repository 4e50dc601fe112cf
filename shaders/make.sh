#!/bin/sh
# make.sh [FOLDER]: makes the shaders in FOLDER, this one by default, of gamutmlp_decode.inc.
set -eu
here=$(dirname "$0")
to=${1:-$here}
common=$here/gamutmlp_decode.inc
first="Made by make.sh of gamutmlp_decode.inc: edit these two."

glsl_es() {
    cat <<END
#version 300 es
/* $first
   A fragment shader of GLSL ES 3.00 (WebGL 2): draw one triangle over the target, whose pixel (0, 0) is the picture's
   (from). The target is of floats, such as RGBA16F, or RGBA32F for all bits. */
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp usampler2D;
#ifndef GMLP_NEURONS
#define GMLP_NEURONS 32u /* the network's width: word 6 of gmlp_shader_pack */
#endif
uniform sampler2D base;   /* the picture as it is in the file: RGB8 or RGBA8, not SRGB8, whose codes are gone */
uniform usampler2D pack;  /* RGBA32UI, 1024 wide: a texel is four words of gmlp_shader_pack */
uniform uvec2 from;
out vec4 light;

uvec4 gmlp_four(uint i) { return texelFetch(pack, ivec2(int(i & 1023u), int(i >> 10u)), 0); }
uint gmlp_word(uint i) { return gmlp_four(i >> 2u)[i & 3u]; }
uvec3 gmlp_base(uint x, uint y) {
    return uvec3(texelFetch(base, ivec2(int(x), int(y)), 0).xyz * 255.0f + 0.5f);
}

END
    cat "$common"
    cat <<'END'

void main() {
    uvec3 v = gmlp_texel(uint(gl_FragCoord.x) + from.x, uint(gl_FragCoord.y) + from.y);
    light = vec4(uintBitsToFloat(v.x), uintBitsToFloat(v.y), uintBitsToFloat(v.z), 1.0f);
}
END
}

glsl() {
    cat <<END
#version 450
/* $first
   A compute shader of GLSL 4.50, for Vulkan and OpenGL. A rectangle of the picture to floats; an invocation a pixel. */
#ifndef GMLP_NEURONS
#define GMLP_NEURONS 32u /* the network's width: word 6 of gmlp_shader_pack */
#endif
layout(local_size_x = 8, local_size_y = 8) in;
layout(std430, set = 0, binding = 0) readonly buffer Pack { uvec4 pack[]; };  /* of gmlp_shader_pack */
layout(std430, set = 0, binding = 1) readonly buffer Base { uint base[]; };   /* RGBA8, row by row */
layout(std430, set = 0, binding = 2) writeonly buffer Light { vec4 light[]; };
layout(std430, set = 0, binding = 3) readonly buffer Rectangle { uvec4 rectangle; }; /* x, y, width, height */

uvec4 gmlp_four(uint i) { return pack[i]; }
uint gmlp_word(uint i) { return pack[i >> 2u][i & 3u]; }
/* Of a texture: uvec3(texelFetch(base, ivec2(x, y), 0).xyz * 255.0 + 0.5), of a UNORM, not an SRGB format. */
uvec3 gmlp_base(uint x, uint y) {
    uint v = base[y * pack[0].z + x];
    return uvec3(v & 255u, (v >> 8u) & 255u, (v >> 16u) & 255u);
}

END
    cat "$common"
    cat <<'END'

void main() {
    uvec2 at = gl_GlobalInvocationID.xy;
    if (at.x >= rectangle.z || at.y >= rectangle.w) { return; }
    uvec3 v = gmlp_texel(rectangle.x + at.x, rectangle.y + at.y);
    light[at.y * rectangle.z + at.x] = vec4(uintBitsToFloat(v.x), uintBitsToFloat(v.y), uintBitsToFloat(v.z), 1.0f);
}
END
}

hlsl() {
    cat <<END
/* $first
   A compute shader of HLSL, shader models 5 and 6. A rectangle of the picture to floats; a thread a pixel. */
#ifndef GMLP_NEURONS
#define GMLP_NEURONS 32u /* the network's width: word 6 of gmlp_shader_pack */
#endif
#define uvec3 uint3
#define uvec4 uint4
#define uintBitsToFloat asfloat
StructuredBuffer<uint4> pack : register(t0);      /* of gmlp_shader_pack */
StructuredBuffer<uint> base : register(t1);       /* RGBA8, row by row */
RWStructuredBuffer<float4> light : register(u2);
StructuredBuffer<uint4> rectangle : register(t3); /* x, y, width, height */

uint4 gmlp_four(uint i) { return pack[i]; }
uint gmlp_word(uint i) { return pack[i >> 2u][i & 3u]; }
/* Of a texture: uint3(base.Load(int3(x, y, 0)).xyz * 255.0f + 0.5f), of a UNORM, not an SRGB format. */
uint3 gmlp_base(uint x, uint y) {
    uint v = base[y * pack[0].z + x];
    return uint3(v & 255u, (v >> 8u) & 255u, (v >> 16u) & 255u);
}

END
    cat "$common"
    cat <<'END'

[numthreads(8, 8, 1)] void main(uint3 at : SV_DispatchThreadID) {
    uint4 r = rectangle[0];
    if (at.x < r.z && at.y < r.w) {
        uint3 v = gmlp_texel(r.x + at.x, r.y + at.y);
        light[at.y * r.z + at.x] = float4(asfloat(v.x), asfloat(v.y), asfloat(v.z), 1.0f);
    }
}
END
}

wgsl() {
    cat <<END
/* $first
   A compute shader of WGSL, for WebGPU. A rectangle of the picture to floats; an invocation a pixel. For another width
   of network replace the next number: it is word 6 of gmlp_shader_pack. */
const GMLP_NEURONS : u32 = 32u;
@group(0) @binding(0) var<storage, read> gmlp_pack : array<vec4<u32>>; /* of gmlp_shader_pack */
@group(0) @binding(1) var<storage, read> gmlp_codes : array<u32>;     /* RGBA8, row by row */
@group(0) @binding(2) var<storage, read_write> gmlp_result : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gmlp_rectangle : vec4<u32>;  /* x, y, width, height */

fn gmlp_four(i : u32) -> vec4<u32> { return gmlp_pack[i]; }
fn gmlp_word(i : u32) -> u32 { return gmlp_pack[i >> 2u][i & 3u]; }
/* Of a texture: vec3<u32>(textureLoad(base, vec2<u32>(x, y), 0).xyz * 255.0 + 0.5), of a unorm, not an srgb format. */
fn gmlp_base(x : u32, y : u32) -> vec3<u32> {
    let v = gmlp_codes[y * gmlp_pack[0].z + x];
    return vec3<u32>(v & 255u, (v >> 8u) & 255u, (v >> 16u) & 255u);
}

END
    sed -E -e '/^(uint|uvec3|float) gmlp_/ {
            s/(uint|float|uvec3|uvec4) ([a-z_]+)([,)])/\2 : \1\3/g
            s/^([a-z0-9]+) (gmlp_[a-z_]+)(\(.*\)) \{/fn \2\3 -> \1 {/
        }' \
        -e 's/^( +)(uint|float)( [a-z]+)\[(GMLP_NEURONS|3)\];/\1var\3 : array<\2, \4>;/' \
        -e 's/(^ +|\()(uint|float|uvec3|uvec4) ([a-z_]+) = /\1var \3 : \2 = /' \
        -e 's/\buint\b/u32/g; s/\bfloat\b/f32/g; s/\buvec3\b/vec3<u32>/g; s/\buvec4\b/vec4<u32>/g' \
        -e 's/\buintBitsToFloat\b/bitcast<f32>/g' "$common"
    cat <<'END'

@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) at : vec3<u32>) {
    let r = gmlp_rectangle;
    if (at.x < r.z && at.y < r.w) {
        let v = gmlp_texel(r.x + at.x, r.y + at.y);
        gmlp_result[at.y * r.z + at.x] = vec4<f32>(bitcast<f32>(v.x), bitcast<f32>(v.y), bitcast<f32>(v.z), 1.0);
    }
}
END
}

glsl_es >"$to/gamutmlp_decode.es.frag"
glsl >"$to/gamutmlp_decode.comp"
hlsl >"$to/gamutmlp_decode.hlsl"
wgsl >"$to/gamutmlp_decode.wgsl"
