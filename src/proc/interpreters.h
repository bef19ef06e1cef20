/*
 * The programs that run other programs under their own name, and how their command lines say which one. For src/proc/tool.c
 * alone.
 *
 * Letters are those of single-dash options; a word may hold several (-euo). Long options are words that begin with the kind
 * of their value: ">" some value, "@" the script, "%" a module or class, "!" code. A value follows after "=" or as the next word.
 */
#ifndef PROC_INTERPRETERS_H
#define PROC_INTERPRETERS_H

enum interpreter_flag {
	INTERPRETER_SHELL = 1,		/* +o is an option too, and values are always the next word */
	INTERPRETER_NO_BARE = 2,	/* the first bare word is no script */
	INTERPRETER_WORDS = 4,		/* -word is one option, not letters; @file holds more of them */
	INTERPRETER_APPLETS = 8,	/* the first bare word is the program, and the words after it are its own */
	INTERPRETER_PREFIX = 16,	/* whatever begins with the name */
	INTERPRETER_LOADER = 32,	/* what it was called itself says nothing of the program */
};

struct interpreter {
	const char *name;	/* a version may follow: python3.11, perl5.36-x86_64-linux-gnu */
	const char *code;	/* letters: the program is in the arguments */
	const char *coded;	/* added to the name then; "": nothing */
	const char *value;	/* letters with a value: the rest of the word, or the next */
	const char *rest;	/* letters that take the rest of the word, if any */
	const char *script;	/* letters whose value is the script */
	const char *module;	/* letters whose value is a module */
	const char *longs;
	const char *suffix;	/* a bare word without it is no script */
	unsigned int flags;
};

#define SHELL(shell) { .name = shell, .code = "cs", .value = "oO", .longs = ">--rcfile >--init-file", .flags = INTERPRETER_SHELL }
#define LOADER(loader)                                                                                              \
	{ .name = loader, .longs = ">--library-path >--preload >--audit >--argv0 >--inhibit-rpath >--glibc-hwcaps-mask" \
				   " >--glibc-hwcaps-prepend",                                                      \
	  .flags = INTERPRETER_APPLETS | INTERPRETER_PREFIX | INTERPRETER_LOADER }
#define AWK(awk)                                                                                                  \
	{ .name = awk, .value = "FvileW", .script = "fE",                                                         \
	  .longs = "@--file @--exec >--field-separator >--assign >--include >--load >--source", .flags = INTERPRETER_NO_BARE }

static const struct interpreter interpreters[] = {
	SHELL("bash"), SHELL("sh"), SHELL("dash"), SHELL("ash"), SHELL("zsh"), SHELL("ksh"), SHELL("mksh"), SHELL("csh"),
	SHELL("tcsh"),
	{ .name = "fish", .code = "c", .value = "Cdof", .longs = "!--command >--init-command" },
	{ .name = "python", .code = "c", .coded = " -c", .value = "WX", .module = "m", .longs = ">--check-hash-based-pycs" },
	{ .name = "pypy", .code = "c", .coded = " -c", .value = "WX", .module = "m", .longs = ">--jit" },
	{ .name = "perl", .code = "eE", .coded = " -e", .value = "I", .rest = "MmiFxVDCd" },
	{ .name = "ruby", .code = "e", .coded = " -e", .value = "IrCXE", .rest = "KFixTW0",
	  .longs = ">--encoding >--external-encoding >--internal-encoding >--enable >--disable" },
	{ .name = "node", .code = "ep", .coded = " -e", .value = "rC",
	  .longs = "!--eval !--print >--require >--import >--loader >--experimental-loader >--conditions >--title >--input-type" },
	{ .name = "Rscript", .code = "e", .coded = " -e", .value = "g" },
	{ .name = "R", .code = "e", .coded = " -e", .value = "gd", .script = "f", .longs = "@--file >--gui >--debugger >--encoding",
	  .flags = INTERPRETER_NO_BARE },
	{ .name = "java", .longs = "@-jar %-m %--module >-cp >-classpath >--class-path >-p >--module-path >--upgrade-module-path"
				   " >--add-modules >--add-reads >--add-exports >--add-opens >--limit-modules >--patch-module"
				   " >--enable-native-access >--source >-d >--describe-module", .flags = INTERPRETER_WORDS },
	AWK("awk"), AWK("mawk"), AWK("gawk"), AWK("nawk"), AWK("original-awk"),
	{ .name = "sed", .value = "el", .rest = "i", .script = "f", .longs = "@--file >--expression >--line-length",
	  .flags = INTERPRETER_NO_BARE },
	{ .name = "php", .code = "rBRE", .coded = " -r", .value = "cdzSt", .script = "fF", .longs = "!--run @--file >--define" },
	{ .name = "lua", .value = "el" },
	{ .name = "luajit", .value = "eljO" },
	{ .name = "tclsh", .longs = ">-encoding", .flags = INTERPRETER_WORDS },
	{ .name = "wish", .longs = ">-encoding >-display >-geometry >-name", .flags = INTERPRETER_WORDS },
	{ .name = "expect", .value = "c", .script = "fb" },
	{ .name = "guile", .code = "c", .coded = " -c", .value = "elLx", .script = "s" },
	{ .name = "julia", .code = "eE", .coded = " -e", .value = "LptJCH", .rest = "O", .longs = "!--eval !--print >--load >--procs >--threads" },
	{ .name = "octave-cli", .longs = "!--eval >--path >-p >--image-path", .coded = " --eval" },
	{ .name = "octave-gui", .longs = "!--eval >--path >-p >--image-path", .coded = " --eval" },
	{ .name = "mono", .longs = ">--config", .flags = INTERPRETER_WORDS },
	{ .name = "mono-sgen", .longs = ">--config", .flags = INTERPRETER_WORDS },
	{ .name = "dotnet", .suffix = ".dll", .flags = INTERPRETER_WORDS },
	{ .name = "busybox", .flags = INTERPRETER_APPLETS | INTERPRETER_PREFIX },
	{ .name = "toybox", .flags = INTERPRETER_APPLETS | INTERPRETER_PREFIX },
	{ .name = "coreutils", .longs = "@--coreutils-prog @--coreutils-prog-shebang", .flags = INTERPRETER_APPLETS },
	LOADER("ld-linux"), LOADER("ld-musl"), LOADER("ld-2."),
};

#undef SHELL
#undef LOADER
#undef AWK

/* They do their work under the names of the compilers they stand before. */
static const char *const compiler_wrappers[] = { "ccache", "sccache", "distcc", "icecc" };

#endif
