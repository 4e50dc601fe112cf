#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "work/carried.h"

static int strip(const char *in, const char *out) {
    uint8_t *bytes;
    size_t size, left;
    output o;
    gmlp_error why;
    char error[256];
    gmlp_result status;
    int kind;
    memset(&why, 0, sizeof why);
    if (file_read(in, &bytes, &size, error)) return fail("strip", "%s", error);
    kind = gmlp_container_kind(bytes, size);
    if (!kind) {
        free(bytes);
        return fail("strip", "%s: is neither a JPEG nor a PNG nor a KTX2 file", in);
    }
    if (output_open(&o, out, error)) {
        free(bytes);
        return fail("strip", "%s", error);
    }
    status = gmlp_strip(bytes, size, output_writer(&o), &why);
    free(bytes);
    if (status) {
        if (status == GMLP_E_WRITE)
            output_commit(&o, error); /* knows the reason */
        else
            error_text(error, in, "%s (at byte %llu)", why.text ? why.text : gmlp_result_string(status),
                       (unsigned long long)why.offset);
        output_discard(&o);
        return fail("strip", "%s", error);
    }
    if (carried_names_agree(kind, in, out, error)) {
        output_discard(&o);
        return fail("strip", "%s", error);
    }
    left = (size_t)ftell(o.file);
    if (output_commit(&o, error)) return fail("strip", "%s", error);
    if (left == size) printf("%s: there was no network to take out; %s is the same file\n", in, out);
    else printf("%s: %llu bytes, %llu fewer\n", out, (unsigned long long)left, (unsigned long long)(size - left));
    return 0;
}

int cmd_strip(int argc, char **argv) {
    int force = 0, status;
    const args_option options[] = {
        { "--force", ARG_FLAG, &force, NULL, "OUT may be IN", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "strip", "IN OUT", "Writes the picture without the network. Pixels and all other metadata stay as they are.",
        "  gamutmlp strip photo.jpg plain.jpg", options, 2, NULL
    };
    const char *names[2];
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    files_forced(force);
    return strip(names[0], names[1]);
}
