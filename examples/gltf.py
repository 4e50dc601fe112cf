#!/usr/bin/env python3
"""A picture with its network inside a glTF model, and out of it again.

    gltf.py pack PICTURE.{jpg,png} MODEL.glb     a quad that has it as its base colour
    gltf.py unpack MODEL.glb PICTURE [NUMBER]    the model's image of that number (0), byte for byte

glTF 2.0 has base colour textures in sRGB and no wider: any viewer shows the file that 'gamutmlp encode' made as it shows
every other. Its bytes lie in the model as they are, metadata and all, so that a loader that knows of the network hands
them to gmlp_open. Nothing but Python's standard library.
"""
import json
import struct
import sys

JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_SHORT = 5126, 5123
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963


def size_of(picture):
    """The kind of a picture and how large it is."""
    if picture[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png", *struct.unpack(">II", picture[16:24])
    at = 2
    while picture[:2] == b"\xff\xd8" and at + 9 <= len(picture) and picture[at] == 0xFF:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2:at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", picture[at + 5:at + 9])
            return "image/jpeg", width, height
        at += 2 + length
    sys.exit("gltf.py: the picture is neither a JPEG nor a PNG, and glTF has no others")


def padded(data, with_what):
    return data + with_what * (-len(data) % 4)


def pack(picture):
    mime, width, height = size_of(picture)
    x, y = (1.0, height / width) if width > height else (width / height, 1.0)
    parts = [
        (struct.pack("<12f", -x, -y, 0, x, -y, 0, x, y, 0, -x, y, 0), ARRAY_BUFFER),
        (struct.pack("<8f", 0, 1, 1, 1, 1, 0, 0, 0), ARRAY_BUFFER),  # v runs down, as rows do
        (struct.pack("<6H", 0, 1, 2, 0, 2, 3), ELEMENT_ARRAY_BUFFER),
        (picture, None),
    ]
    binary, views = b"", []
    for data, target in parts:
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)}
        if target:
            view["target"] = target
        views.append(view)
        binary += padded(data, b"\0")
    model = {
        "asset": {"version": "2.0", "generator": "gamutmlp gltf.py"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0}}],
        "textures": [{"source": 0}],
        "images": [{"mimeType": mime, "bufferView": 3}],
        "accessors": [
            {"bufferView": 0, "componentType": FLOAT, "count": 4, "type": "VEC3", "min": [-x, -y, 0.0],
             "max": [x, y, 0.0]},
            {"bufferView": 1, "componentType": FLOAT, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": UNSIGNED_SHORT, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    # Bounds have to be those of the numbers as they are stored.
    for bound in ("min", "max"):
        model["accessors"][0][bound] = list(struct.unpack("<3f", struct.pack("<3f", *model["accessors"][0][bound])))
    text = padded(json.dumps(model, separators=(",", ":")).encode(), b" ")
    return (struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
            + struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(binary), BINARY_CHUNK) + binary)


def unpack(model, number):
    magic, version, length = struct.unpack_from("<4sII", model)
    if magic != b"glTF" or version != 2 or length > len(model):
        sys.exit("gltf.py: the model is no whole GLB file of glTF 2.0")
    chunks, at = {}, 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<II", model, at)
        chunks.setdefault(kind, model[at + 8:at + 8 + size])
        at += 8 + size
    document = json.loads(chunks[JSON_CHUNK])
    images = document.get("images", [])
    if number >= len(images) or "bufferView" not in images[number]:
        sys.exit("gltf.py: the model has no image of that number in itself")
    view = document["bufferViews"][images[number]["bufferView"]]
    begin = view.get("byteOffset", 0)
    return chunks[BINARY_CHUNK][begin:begin + view["byteLength"]]


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    if sys.argv[1] == "pack":
        data = pack(data)
    else:
        try:
            data = unpack(data, int(sys.argv[4]) if len(sys.argv) == 5 else 0)
        except (struct.error, KeyError, IndexError, TypeError, ValueError):
            sys.exit("gltf.py: the model is damaged")
    with open(sys.argv[3], "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
