/* Places for labels in a crowd of marks and lines. */
#ifndef LABELS_H
#define LABELS_H

#include "measure/drawing.h"

enum { LABELS_MARK = 5, LABELS_MOST = 1024 }; /* half a mark's width; boxes or lines in a crowd */

typedef struct box {
    double x0, y0, x1, y1; /* of a line: from and to */
    int owner;             /* of a mark: which label could seem to be its own; else -1 */
} box;

/* What labels keep clear of: marks and other labels always, lines where they can. */
typedef struct crowd {
    box boxes[LABELS_MOST], lines[LABELS_MOST];
    size_t box_count, line_count;
} crowd;

void crowd_mark(crowd *c, double x, double y, int owner);
void crowd_line(crowd *c, double x0, double y0, double x1, double y1);
/* Draws a label beside the mark at x, y; if need be farther off, with a line that leads there; not at all if there is
   no room in the axes' area. Without such a line it is not nearer to another mark of this owner. */
void crowd_label(crowd *c, const axes *a, double x, double y, int owner, colour ink, const char *s);

#endif
