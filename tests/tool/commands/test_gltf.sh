#!/bin/sh
# A picture with its network in a glTF model (examples/gltf.py): the model's form as the specification of glTF 2.0 has
# it, and the picture's bytes. Prints "ok" and "not ok" lines.
gltf=$PWD/examples/gltf.py
. "$(dirname "$0")/tool.sh"
if ! have python3; then
    echo "ok nothing to do"
    exit 0
fi

cat >form.py <<'PY'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
picture = open(sys.argv[2], "rb").read()
magic, version, length, n, kind = struct.unpack_from("<4sIIII", b)
assert (magic, version, length, kind) == (b"glTF", 2, len(b), 0x4E4F534A) and n % 4 == 0
j = json.loads(b[20:20 + n])
m, kind = struct.unpack_from("<II", b, 20 + n)
assert kind == 0x004E4942 and m % 4 == 0 and 28 + n + m == len(b)
binary = b[28 + n:]
assert j["asset"]["version"] == "2.0" and m - j["buffers"][0]["byteLength"] in range(4) and "uri" not in j["buffers"][0]
end = 0
for v in j["bufferViews"]:
    assert v["byteOffset"] % 4 == 0 and v["byteOffset"] >= end
    end = v["byteOffset"] + v["byteLength"]
assert end <= j["buffers"][0]["byteLength"]
size = {5123: 2, 5126: 4}
parts = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
read = []
for a in j["accessors"]:
    v = j["bufferViews"][a["bufferView"]]
    count = a["count"] * parts[a["type"]]
    assert count * size[a["componentType"]] == v["byteLength"]
    read.append(struct.unpack_from("<%d%s" % (count, {5123: "H", 5126: "f"}[a["componentType"]]), binary, v["byteOffset"]))
primitive = j["meshes"][j["nodes"][j["scenes"][j["scene"]]["nodes"][0]]["mesh"]]["primitives"][0]
position = j["accessors"][primitive["attributes"]["POSITION"]]
points = read[primitive["attributes"]["POSITION"]]
for c in range(3):
    assert position["min"][c] == min(points[c::3]) and position["max"][c] == max(points[c::3])
assert max(read[primitive["indices"]]) < position["count"]
# Both triangles face the viewer, and the picture's first row is at the top.
xyz = [points[3 * i:3 * i + 3] for i in range(4)]
index = read[primitive["indices"]]
for t in (index[:3], index[3:]):
    (ax, ay, _), (bx, by, _), (cx, cy, _) = (xyz[i] for i in t)
    assert (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0
uv = read[primitive["attributes"]["TEXCOORD_0"]]
for i in range(4):
    assert (uv[2 * i] == 1) == (xyz[i][0] > 0) and (uv[2 * i + 1] == 0) == (xyz[i][1] > 0)
texture = j["textures"][j["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
image = j["images"][texture["source"]]
v = j["bufferViews"][image["bufferView"]]
assert "target" not in v and binary[v["byteOffset"]:v["byteOffset"] + v["byteLength"]] == picture
assert image["mimeType"] == ("image/png" if picture[1:4] == b"PNG" else "image/jpeg")
PY

"$scene" wide.png 97 60 || exit 1
for kind in jpg png; do
    does encode wide.png photo.$kind --from prophoto --iterations 30
    is "pack: $kind" python3 "$gltf" pack photo.$kind model.glb
    is "the model's form, of a $kind" python3 form.py model.glb photo.$kind
    is "unpack: $kind" python3 "$gltf" unpack model.glb back.$kind
    is "the same file, of a $kind" cmp -s back.$kind photo.$kind
    does decode back.$kind wide_$kind.tif
done
head -c 300 model.glb >cut.glb
is "unpack: a cut model is refused" sh -c "! python3 '$gltf' unpack cut.glb x.png 2>err && [ ! -e x.png ]"
is "unpack: no such image" sh -c "! python3 '$gltf' unpack model.glb x.png 7 2>err && [ ! -e x.png ]"
is "pack: no picture" sh -c "! python3 '$gltf' pack model.glb x.glb 2>err && [ ! -e x.glb ]"

finish
