// Little-CMS uses memory that it did not get, libjxl's encoder leaves out what there was none for, and what libraries
// in C++ throw ends a program in C by a crash. They ask here in time. C++ is for std::set_new_handler alone.
#include <cstdlib>
#include <new>

#include <lcms2_plugin.h>

#include "pictures/memory.h"

namespace {

void (*give_up)(const char *text);

void out_of_memory() { give_up("out of memory"); }

// Past this Little-CMS asks for what a file says, and bears a refusal, as of its own functions.
const cmsUInt32Number most = 512u << 20;

void *take(cmsContext, cmsUInt32Number size) {
    void *p = size && size <= most ? std::malloc(size) : nullptr;
    if (!p && size && size <= most) out_of_memory();
    return p;
}

void *take_more(cmsContext, void *p, cmsUInt32Number size) {
    void *larger = size <= most ? std::realloc(p, size) : nullptr;
    if (!larger && size && size <= most) out_of_memory();
    return larger;
}

void give(cmsContext, void *p) { std::free(p); }

} // namespace

extern "C" void *memory_or_end(size_t size) {
    void *p = std::malloc(size);
    if (!p && give_up) out_of_memory();
    return p;
}

extern "C" void memory_guard(void (*end)(const char *text)) {
    cmsPluginMemHandler plugin = {};
    plugin.base.Magic = cmsPluginMagicNumber;
    plugin.base.ExpectedVersion = 2000; // all of version 2
    plugin.base.Type = cmsPluginMemHandlerSig;
    plugin.MallocPtr = take;
    plugin.FreePtr = give;
    plugin.ReallocPtr = take_more;
    give_up = end;
    cmsPlugin(&plugin);
    std::set_new_handler(out_of_memory);
}
