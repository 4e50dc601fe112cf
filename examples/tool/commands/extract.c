#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "work/carried.h"

static int extract(const char *in, const char *out) {
    gmlp_error why;
    gmlp_result status;
    output o;
    uint8_t *bytes;
    void *blob;
    size_t size, blob_size;
    char error[256];
    memset(&why, 0, sizeof why);
    if (file_read(in, &bytes, &size, error)) return fail("extract", "%s", error);
    status = gmlp_extract(bytes, size, NULL, &blob, &blob_size, &why);
    free(bytes);
    if (status)
        return fail("extract", "%s: %s (at byte %llu)", in, why.text ? why.text : gmlp_result_string(status),
                    (unsigned long long)why.offset);
    if (output_open(&o, out, error)) {
        gmlp_bytes_free(blob, blob_size, NULL);
        return fail("extract", "%s", error);
    }
    fwrite(blob, 1, blob_size, o.file); /* committing knows whether that went well */
    gmlp_bytes_free(blob, blob_size, NULL);
    if (output_commit(&o, error)) return fail("extract", "%s", error);
    printf("%s: %llu bytes\n", out, (unsigned long long)blob_size);
    return 0;
}

int cmd_extract(int argc, char **argv) {
    int count, status;
    const args_option options[] = { { NULL, 0, NULL, NULL, NULL, 0, 0 } };
    const args_command command = {
        "extract", "IN [OUT.gmlp]",
        "Writes the network that IN carries into a file of its own, IN.gmlp if no other name is given. A copy\n"
        "of IN that lost its metadata comes back with that file beside it: 'decode' finds photo.jpg.gmlp, or\n"
        "photo.gmlp, beside photo.jpg, or takes any with --net, and refuses one that is of other pixels.",
        "  gamutmlp extract photo.jpg\n"
        "  gamutmlp extract photo.jpg network.gmlp",
        options, 1, &count
    };
    const char **names = (const char **)argv + 1; /* arguments are read before their places are taken */
    char *beside;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    if (count > 2) return args_wrong(&command, "one name too many: '%s'", names[2]);
    if (count == 2 && !path_has_extension(names[1], &SIDE_CAR[1]))
        return args_wrong(&command, "%s: the output's name must end in " SIDE_CAR, names[1]);
    if (count == 2) return extract(names[0], names[1]);
    beside = (char *)malloc(strlen(names[0]) + sizeof SIDE_CAR);
    if (!beside) return fail("extract", "out of memory");
    strcpy(beside, names[0]);
    strcat(beside, SIDE_CAR);
    status = extract(names[0], beside);
    free(beside);
    return status;
}
