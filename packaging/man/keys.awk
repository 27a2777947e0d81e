# keys.awk - the keys of driveguard.conf(5), from core/base/score_versions.def and
# conf.def behind it: one line a key, KEY(section, name, kind, "default", low, high,
# "words", "sentence"), where SCORE_VERSION_WORDS stands for the names of the first.

BEGIN { FS = "\"" }

function plain(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/-/, "\\-", text)
    sub(/^\./, "\\\\\\&.", text)
    return text
}

# 100 is 100ms, 25000 is 25s: as a setting may be written.
function duration(ms) {
    if (ms > 0 && ms % 3600000 == 0) return ms / 3600000 "h"
    if (ms > 0 && ms % 60000 == 0) return ms / 60000 "m"
    if (ms > 0 && ms % 1000 == 0) return ms / 1000 "s"
    return ms "ms"
}

function bytes(n) {
    if (n > 0 && n % 1073741824 == 0) return n / 1073741824 "G"
    if (n > 0 && n % 1048576 == 0) return n / 1048576 "M"
    if (n > 0 && n % 1024 == 0) return n / 1024 "K"
    return n ""
}

# The forms of a choice or a place; one that ends in a slash goes on.
function forms(words,    list, n, i, text) {
    n = split(words, list, "|")
    for (i = 1; i <= n; i++)
        text = text (i > 1 ? ", " : "") list[i] (list[i] ~ /\/$/ ? "..." : "")
    return text
}

function allowed(kind, low, high, words) {
    if (kind == "count") return low " to " high
    if (kind == "ms") return duration(low) " to " duration(high)
    if (kind == "bytes") return bytes(low) " to " bytes(high)
    if (kind == "flag") return "on or off"
    return forms(words)
}

/^SCORE_VERSION\(/ { versions = versions (versions == "" ? "" : "|") $2 }

/^KEY\(/ {
    if (sub(/SCORE_VERSION_WORDS/, "\"" versions "\""))
        $0 = $0 ""
    split($1, head, /[(,] */)
    split($3, bounds, / *, */)
    if (head[2] != section) {
        section = head[2]
        printf ".SS [%s]\n", section
    }
    range = allowed(head[4], bounds[2], bounds[3], $4)
    printf ".TP\n\\fB%s\\fR = %s\n", head[3], plain($2)
    printf "%s%s\n", plain($6), range == "" ? "" : " (" plain(range) ")"
    keys++
}

END {
    if (!keys) {
        print "keys.awk: no keys found" > "/dev/stderr"
        exit 1
    }
}
