// No exception leaves this file, which has no other reason to be C++.
#include "pictures/exr_dwa.h"

#if __has_include(<OpenEXR/openexr.h>)

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

#include <OpenEXR/ImfFrameBuffer.h>
#include <OpenEXR/ImfHeader.h>
#include <OpenEXR/ImfIO.h>
#include <OpenEXR/ImfInputPart.h>
#include <OpenEXR/ImfMultiPartInputFile.h>

namespace {

class file_bytes : public Imf::IStream {
public:
    file_bytes(const uint8_t *bytes, size_t size) : Imf::IStream("EXR"), bytes(bytes), size(size), at(0) {}
    bool read(char *to, int n) override {
        if (n < 0 || at > size || static_cast<size_t>(n) > size - at) throw std::runtime_error("the file ends early");
        std::memcpy(to, bytes + at, static_cast<size_t>(n));
        at += static_cast<size_t>(n);
        return at < size;
    }
    uint64_t tellg() override { return at; }
    void seekg(uint64_t to) override { at = static_cast<size_t>(std::min<uint64_t>(to, size)); }

private:
    const uint8_t *bytes;
    size_t size, at;
};

} // namespace

int exr_undo_dwa(const uint8_t *bytes, size_t size, int part, const dwa_plane *planes, int count, char *reason,
                 size_t room) {
    try {
        file_bytes stream(bytes, size);
        Imf::MultiPartInputFile file(stream, 0, false);
        Imf::InputPart picture(file, part);
        const Imath::Box2i window = picture.header().dataWindow();
        Imf::FrameBuffer buffer;
        for (const dwa_plane *p = planes; p < planes + count; p++)
            buffer.insert(p->channel, Imf::Slice::Make(p->half ? Imf::HALF : Imf::FLOAT, p->to, window, p->step, p->row,
                                                       p->sampling, p->sampling));
        picture.setFrameBuffer(buffer);
        picture.readPixels(window.min.y, window.max.y);
        return 0;
    } catch (const std::exception &e) {
        std::snprintf(reason, room, "%s", e.what());
    } catch (...) {
        std::snprintf(reason, room, "it cannot be read");
    }
    return -1;
}

#endif
