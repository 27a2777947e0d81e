/*
 * xml.h - a cursor over the XML that AWS answers: elements and text.
 *
 * No attributes or entities of a document type come from these services;
 * comments and processing instructions are skipped, attributes too (the root
 * names its namespace). CDATA is text. Views of the text; nothing is allocated
 * but unescaped text.
 */
#ifndef DG_STORE_XML_H
#define DG_STORE_XML_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"

struct xml {
    struct str name;
    struct str inner; /* between its two tags, as it stands */
};

struct xml_iter {
    struct str rest;
    bool bad; /* what is left is not well formed */
};

bool xml_root(struct str text, const char *name, struct xml *out);
/*
    The document's element, if it is called name and well formed down to its
    end tag.
 */

struct xml_iter xml_iter(struct xml parent);
bool xml_next(struct xml_iter *it, struct xml *child);
/*
    The next element; false at the end, or when it is not well formed (bad).
 */

struct xml xml_child(struct xml parent, const char *name);
/*
    The first child of that name; one with an empty name when there is none.
 */

struct str xml_text(struct xml e, struct arena *a);
/*
    Its content with the five entities and numeric references resolved, and
    CDATA as it is meant; in the arena when there were any. A reference that is
    none (a surrogate is one half of nothing) stays as it is.
 */
struct str xml_child_text(struct xml parent, const char *name, struct arena *a);

#endif
