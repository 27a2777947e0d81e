/* aws_profile.c - credentials from the shared files of the AWS tools. */
#include "store/aws_sources.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

struct profile {
    bool there;
    struct str id, secret, token;
    struct str role, session, token_file;
    struct str beyond; /* a setting that we do not follow */
};

static const struct {
    const char *name;
    size_t at;
} settings[] = {
    {"aws_access_key_id", offsetof(struct profile, id)},
    {"aws_secret_access_key", offsetof(struct profile, secret)},
    {"aws_session_token", offsetof(struct profile, token)},
    {"role_arn", offsetof(struct profile, role)},
    {"role_session_name", offsetof(struct profile, session)},
    {"web_identity_token_file", offsetof(struct profile, token_file)},
};

static const char *const not_followed[] = {
    "credential_process", "source_profile", "credential_source", "sso_session",
    "sso_start_url"};

static struct str profile_line(struct str *text)
{
    const char *eol = memchr(text->p, '\n', text->n);
    struct str line = {text->p, eol ? (size_t)(eol - text->p) : text->n};
    size_t step = line.n + (eol != NULL);

    text->p += step;
    text->n -= step;
    return line;
}

/* `[name]`, in the configuration file also `[profile name]`. */
static bool line_heads(struct str line, struct str name, bool config)
{
    const char *close = memchr(line.p, ']', line.n);
    struct str in;

    if (!close)
        return false;
    in = str_trim((struct str){line.p + 1, (size_t)(close - line.p) - 1});
    if (config && str_starts(in, STR_LIT("profile")) && in.n > 7 &&
        (in.p[7] == ' ' || in.p[7] == '\t'))
        in = str_trim((struct str){in.p + 7, in.n - 7});
    else if (config && !str_is(in, "default"))
        return false;
    return str_eq(in, name);
}

/* The first file that has a value keeps it: credentials before config. */
static void take_setting(struct profile *p, struct str line)
{
    const char *eq = memchr(line.p, '=', line.n);
    struct str name, value;

    if (!eq)
        return;
    name = str_trim((struct str){line.p, (size_t)(eq - line.p)});
    value = str_trim((struct str){eq + 1, line.n - (size_t)(eq - line.p) - 1});
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct str *field = (struct str *)((char *)p + settings[i].at);

        if (str_is(name, settings[i].name) && field->n == 0)
            *field = value;
    }
    for (size_t i = 0; i < sizeof not_followed / sizeof *not_followed; i++)
        if (str_is(name, not_followed[i]))
            p->beyond = name;
}

static void take_profile(struct profile *p, struct str text, struct str name,
                         bool config)
{
    bool inside = false;

    while (text.n) {
        struct str line = profile_line(&text);
        bool nested = line.n && (line.p[0] == ' ' || line.p[0] == '\t');

        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            inside = line_heads(line, name, config);
            p->there = p->there || inside;
        } else if (inside && !nested) {
            take_setting(p, line);
        }
    }
}

static const char *file_path(const char *variable, const char *name,
                             struct arena *a)
{
    const char *path = aws_env(variable), *home = aws_env("HOME");
    const struct passwd *pw;

    if (path)
        return path;
    if (!home && (pw = getpwuid(getuid())))
        home = pw->pw_dir;
    return arena_printf(a, "%s/.aws/%s", home ? home : "", name).p;
}

static enum status read_profile(const struct aws_asking *ask, struct str name,
                                struct profile *p, struct err *err)
{
    static const struct {
        const char *variable, *name;
        bool config;
    } files[] = {{"AWS_SHARED_CREDENTIALS_FILE", "credentials", false},
                 {"AWS_CONFIG_FILE", "config", true}};

    for (size_t i = 0; i < 2; i++) {
        struct str text = STR_NONE;
        enum status st = aws_read_file(
            file_path(files[i].variable, files[i].name, ask->arena), ask->arena,
            &text, err);

        if (st != ST_OK && st != ST_NOT_FOUND)
            return st;
        if (st == ST_OK)
            take_profile(p, text, name, files[i].config);
    }
    return ST_OK;
}

static enum status use_profile(const struct aws_asking *ask, struct str name,
                               const struct profile *p, struct aws_found *out,
                               struct err *err)
{
    if (p->role.n && p->token_file.n)
        return aws_assume_with_token(ask, p->role, p->session,
                                     arena_z(ask->arena, p->token_file), out,
                                     err);
    if (p->beyond.n)
        return err_set(err, ST_DENIED, "no_credentials",
                       "profile %.*s: %.*s is not supported", STR_ARG(name),
                       STR_ARG(p->beyond));
    if (p->id.n == 0 && p->secret.n == 0 && !aws_env("AWS_PROFILE"))
        return ST_NOT_FOUND; /* only a region or the like */
    if (p->id.n == 0 || p->secret.n == 0)
        return err_set(err, ST_DENIED, "no_credentials",
                       "profile %.*s has no %s", STR_ARG(name),
                       p->id.n ? "aws_secret_access_key" : "aws_access_key_id");
    out->key.id = p->id;
    out->key.secret = p->secret;
    out->key.token = p->token;
    return ST_OK;
}

enum status aws_from_files(const struct aws_asking *ask, struct aws_found *out,
                           struct err *err)
{
    const char *wanted = aws_env("AWS_PROFILE");
    struct str name = str_of(wanted ? wanted : "default");
    struct profile p = {0};
    enum status st = read_profile(ask, name, &p, err);

    if (st != ST_OK)
        return st;
    if (!p.there && !wanted)
        return ST_NOT_FOUND;
    if (!p.there)
        return err_set(err, ST_DENIED, "no_credentials",
                       "profile %.*s is in neither file", STR_ARG(name));
    return use_profile(ask, name, &p, out, err);
}
