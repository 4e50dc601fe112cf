#include "measure/labels.h"

#include <math.h>

static void add(box *list, size_t *count, box b) {
    if (*count < LABELS_MOST) list[(*count)++] = b;
}

void crowd_mark(crowd *c, double x, double y, int owner) {
    const box b = { x - LABELS_MARK, y - LABELS_MARK, x + LABELS_MARK, y + LABELS_MARK, owner };
    add(c->boxes, &c->box_count, b);
}

void crowd_line(crowd *c, double x0, double y0, double x1, double y1) {
    const box b = { x0, y0, x1, y1, -1 };
    add(c->lines, &c->line_count, b);
}

static int overlap(const box *a, const box *b) {
    return a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1;
}

/* A line crosses a box if their extents overlap and the corners do not lie all on one side of it. */
static int crosses(const box *l, const box *b) {
    const box extent = { fmin(l->x0, l->x1) - 1, fmin(l->y0, l->y1) - 1, fmax(l->x0, l->x1) + 1, fmax(l->y0, l->y1) + 1,
                         -1 };
    int left = 0;
    for (int i = 0; i < 4; i++) {
        const double x = i & 1 ? b->x1 : b->x0, y = i & 2 ? b->y1 : b->y0;
        left += (l->x1 - l->x0) * (y - l->y0) > (l->y1 - l->y0) * (x - l->x0);
    }
    return overlap(&extent, b) && left > 0 && left < 4;
}

static double distance(const box *b, double x, double y) {
    return hypot(fmax(0, fmax(b->x0 - x, x - b->x1)), fmax(0, fmax(b->y0 - y, y - b->y1)));
}

/* -1 where the label of a mark at x, y cannot stand; else less is better. */
static int cost(const axes *a, const crowd *c, const box *b, double x, double y, const box *leader) {
    const double own = distance(b, x, y);
    int price = leader ? -8 : 0; /* it crosses its own mark */
    if (b->x0 < a->left || b->y0 < a->top || b->x1 > a->left + a->width || b->y1 > a->top + a->height) return -1;
    for (size_t i = 0; i < c->box_count; i++) {
        const box *other = &c->boxes[i];
        const double away = distance(b, (other->x0 + other->x1) / 2, (other->y0 + other->y1) / 2);
        if (overlap(b, other) || (!leader && other->owner == b->owner && away < own - 2)) return -1;
        if (leader) price += 16 * crosses(leader, other);
    }
    for (size_t i = 0; i < c->line_count; i++) price += 16 * crosses(&c->lines[i], b);
    return price;
}

void crowd_label(crowd *c, const axes *a, double x, double y, int owner, colour ink, const char *s) {
    static const int ways[8][2] = { { 1, 1 }, { 1, -1 }, { -1, -1 }, { -1, 1 },
                                    { 1, 0 }, { -1, 0 }, { 0, 1 },   { 0, -1 } };
    static const double farther[] = { 0, 5, 18, 32 };
    const double width = text_width(a->d, SIZE_TEXT, TEXT_LEFT, s), height = SIZE_TEXT;
    int least = -1, leads = 0;
    box best = { 0, 0, 0, 0, -1 }, best_leader = best;
    for (int k = 0; k < 32; k++) {
        const int *way = ways[k % 8];
        const double reach = LABELS_MARK + (way[0] && way[1] ? 0 : 1) + farther[k / 8];
        const double x0 = x + way[0] * reach - (way[0] < 0 ? width : way[0] ? 0 : width / 2);
        const double y0 = y + way[1] * reach - (way[1] < 0 ? height : way[1] ? 0 : height / 2);
        const box b = { x0, y0, x0 + width, y0 + height, owner };
        const box leader = { x, y, fmin(b.x1, fmax(b.x0, x)), fmin(b.y1, fmax(b.y0, y)), -1 };
        const int price = cost(a, c, &b, x, y, k >= 16 ? &leader : NULL);
        if (price < 0 || (least >= 0 && price + k >= least)) continue;
        least = price + k;
        leads = k >= 16;
        best = b;
        best_leader = leader;
    }
    if (least < 0) return;
    if (leads) {
        const box *l = &best_leader;
        draw_line(a->d, l->x0, l->y0, l->x1, l->y1, 0.8, 0, ink);
        crowd_line(c, l->x0, l->y0, l->x1, l->y1);
    }
    draw_label(a->d, best.x0, best.y0 + 0.8 * height, SIZE_TEXT, TEXT_LEFT, ink, drawing_page, s);
    best.owner = -1;
    add(c->boxes, &c->box_count, best);
}
