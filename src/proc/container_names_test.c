/* The files of each runtime, laid below a directory of the test's own, with damage to each of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc/cgroup.h"
#include "proc/json_scan.h"

#define ID "3f4e8d1c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define TASKS "run/containerd/io.containerd.runtime.v2.task"

static char root[] = "/tmp/names_test.XXXXXX";

static void put_bytes(const char *path, const char *content, size_t length)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	FILE *file = fopen(whole, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	fclose(file);
}

static void put(const char *path, const char *content)
{
	put_bytes(path, content, strlen(content));
}

static void drop(const char *path)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	assert_int_equal(unlink(whole), 0);
}

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static bool names_of(const char *cgroup, struct container_identity *identity,
		     struct container_names *names)
{
	container_from_cgroup(cgroup, strlen(cgroup), identity);
	return container_names_read(root, identity, names);
}

static const struct {
	const char *file, *content, *cgroup, *name, *image, *pod, *space;
	enum container_runtime runtime;
} cases[] = {
	{"var/lib/docker/containers/" ID "/config.v2.json",
	 "{\"ID\":\"x\",\"State\":{\"Pid\":1,\"a\":[1,2,{\"Name\":\"no\"}]},\"Config\":{\"Env\":[\"A=}\\\"\"],"
	 "\"Image\":\"nginx:1.25\"},\"Name\":\"/web\"}",
	 "/system.slice/docker-" ID ".scope", "web", "nginx:1.25", "", "", CONTAINER_RUNTIME_DOCKER},
	{TASKS "/k8s.io/" ID "/config.json",
	 "{\"annotations\": {\"io.kubernetes.cri.container-name\": \"app\",\n"
	 "\"io.kubernetes.cri.image-name\": \"ghcr.io/a/b:1\", \"io.kubernetes.cri.sandbox-name\": \"pod-1\","
	 "\"io.kubernetes.cri.sandbox-namespace\": \"prod\"}}",
	 "/kubepods/burstable/pod0123abcd-12ab-34cd-56ef-0123456789ab/" ID, "app", "ghcr.io/a/b:1", "pod-1",
	 "prod", CONTAINER_RUNTIME_CONTAINERD},
	{"run/containers/storage/overlay-containers/" ID "/userdata/config.json",
	 "{\"annotations\":{\"io.kubernetes.container.name\":\"c\",\"io.kubernetes.cri-o.ImageName\":\"i\","
	 "\"io.kubernetes.pod.name\":\"p\",\"io.kubernetes.pod.namespace\":\"n\"}}",
	 "/kubepods.slice/crio-" ID ".scope", "c", "i", "p", "n", CONTAINER_RUNTIME_CRIO},
	{"var/lib/containers/storage/overlay-containers/containers.json",
	 "[{\"id\":\"other\",\"names\":[\"x\"]},{\"id\":\"" ID "\",\"names\":[\"fallback\"],\"image\":\"hash\","
	 "\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/busybox:latest\\\",\\\"name\\\":\\\"b\\u00fc\\\"}\"}]",
	 "/machine.slice/libpod-" ID ".scope/container", "b\xc3\xbc", "docker.io/library/busybox:latest", "", "",
	 CONTAINER_RUNTIME_PODMAN},
	{"run/crun/demo/status", "{\"pid\":1}", "/demo", "demo", "", "", "", CONTAINER_RUNTIME_CRUN},
	{"run/runc/other/state.json", "{\"id\":\"other\"}", "/user.slice/user-0.slice/session-1.scope/other",
	 "other", "", "", "", CONTAINER_RUNTIME_RUNC},
};

static void test_every_runtime(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct container_identity identity;
		struct container_names names;

		assert_false(names_of(cases[i].cgroup, &identity, &names));
		put(cases[i].file, cases[i].content);
		assert_true(names_of(cases[i].cgroup, &identity, &names));
		assert_string_equal(names.name, cases[i].name);
		assert_string_equal(names.image, cases[i].image);
		assert_string_equal(names.pod_name, cases[i].pod);
		assert_string_equal(names.pod_namespace, cases[i].space);
		assert_int_equal(identity.state, CONTAINER_INSIDE);
		assert_int_equal(identity.runtime, cases[i].runtime);
		/* cut anywhere, or with any byte changed, it is only less known */
		size_t length = strlen(cases[i].content);
		for (size_t cut = 0; cut < length; cut++) {
			put_bytes(cases[i].file, cases[i].content, cut);
			names_of(cases[i].cgroup, &identity, &names);
			char *damaged = strdup(cases[i].content);
			damaged[cut] = "\"{}[]\\,:\n"[cut % 9];
			put_bytes(cases[i].file, damaged, length);
			names_of(cases[i].cgroup, &identity, &names);
			free(damaged);
		}
		drop(cases[i].file);
	}
}

static void test_ids_do_not_leave_the_root(void **state)
{
	(void)state;
	struct container_identity identity = {.state = CONTAINER_UNKNOWN, .id = "../x"};
	struct container_names names;

	put("run/crun/status", "{}");
	assert_false(container_names_read(root, &identity, &names));
	strcpy(identity.id, "..");
	assert_false(container_names_read(root, &identity, &names));
	strcpy(identity.id, ".");
	assert_false(container_names_read(root, &identity, &names));
	drop("run/crun/status");
}

static void test_lxc_is_its_name(void **state)
{
	(void)state;
	struct container_identity identity;
	struct container_names names;

	assert_true(names_of("/lxc.payload.web", &identity, &names));
	assert_string_equal(names.name, "web");
	assert_false(names_of("/system.slice/ssh.service", &identity, &names));
}

static void test_cgroup_table(void **state)
{
	(void)state;
	const uint64_t second = 1000000000ull;
	struct cgroup_table *table = cgroup_table_new(root, 3);
	struct cgroup *cgroup = cgroup_learn(table, 7, cases[0].cgroup, strlen(cases[0].cgroup));

	assert_int_equal(cgroup->identity.state, CONTAINER_INSIDE);
	assert_ptr_equal(cgroup_find(table, 7), cgroup);
	assert_null(cgroup_find(table, 8));
	assert_null(cgroup_names(table, cgroup, second));
	put(cases[0].file, cases[0].content);		/* the runtime is slower than its container */
	assert_null(cgroup_names(table, cgroup, second + 1));
	assert_string_equal(cgroup_names(table, cgroup, 2 * second)->name, "web");
	drop(cases[0].file);
	assert_string_equal(cgroup_names(table, cgroup, 3 * second)->name, "web");
	assert_true(cgroup_is_container(table, cgroup, "web", 3 * second));
	assert_true(cgroup_is_container(table, cgroup, ID, 3 * second));
	assert_true(cgroup_is_container(table, cgroup, "3f4e8d1c2b5a", 3 * second));
	assert_false(cgroup_is_container(table, cgroup, "3f4e", 3 * second));
	assert_false(cgroup_is_container(table, cgroup, "", 3 * second));
	/* renamed */
	cgroup = cgroup_learn(table, 7, "/system.slice/a.service", 23);
	assert_int_equal(cgroup->identity.state, CONTAINER_NONE);
	assert_null(cgroup_names(table, cgroup, 4 * second));
	assert_false(cgroup_is_container(table, cgroup, "web", 4 * second));
	/* the one used longest ago goes */
	cgroup_learn(table, 0, "/", 1);
	cgroup_learn(table, 9, "", 0);
	assert_int_equal(cgroup_find(table, 9)->identity.state, CONTAINER_UNKNOWN);
	cgroup_find(table, 7);
	cgroup_learn(table, 10, "/a", 2);
	assert_int_equal(cgroup_table_count(table), 3);
	assert_null(cgroup_find(table, 0));
	assert_non_null(cgroup_find(table, 7));
	cgroup_table_free(table);
}

/* A plain name is a candidate: who asks for the state has it looked for. */
static void test_state_of_a_candidate(void **state)
{
	(void)state;
	const uint64_t second = 1000000000ull;
	struct cgroup_table *table = cgroup_table_new(root, 0);
	struct cgroup *other = cgroup_learn(table, 1, "/other", 6);

	assert_int_equal(other->identity.state, CONTAINER_UNKNOWN);
	assert_int_equal(cgroup_state(table, other, second), CONTAINER_UNKNOWN);
	put("run/runc/other/state.json", "{}");
	assert_int_equal(cgroup_state(table, other, 3 * second), CONTAINER_INSIDE);
	drop("run/runc/other/state.json");
	assert_int_equal(cgroup_state(table, other, 4 * second), CONTAINER_INSIDE);
	assert_int_equal(cgroup_state(table, cgroup_learn(table, 2, "/a.service", 10), second), CONTAINER_NONE);
	cgroup_table_free(table);
}

static void test_json_scan(void **state)
{
	(void)state;
	static const char text[] = " { \"a\\\"\" : [ 1 , {\"b\":2} ] , \"k\" : \"\\ud83d\\ude00\\n\\u0041\\udc00\" } ";
	struct json json = {text, text + sizeof(text) - 1}, value;
	char out[32], tiny[4];

	assert_true(json_member(json, "k", &value));
	assert_int_equal(json_string(value, out, sizeof(out)), 9);
	assert_string_equal(out, "\xf0\x9f\x98\x80\nA\xef\xbf\xbd");
	assert_int_equal(json_string(value, tiny, sizeof(tiny)), 0);	/* no half of a character */
	assert_false(json_member(json, "b", &value));
	assert_false(json_first(json, &value));
	/* a million open brackets need no stack, only patience */
	static char deep[1 << 20];
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	json = (struct json){deep, deep + sizeof(deep)};
	assert_false(json_member(json, "b", &value));
}

static void test_random_json(void **state)
{
	(void)state;
	static const char alphabet[] = "{}[]\",:\\u0a1 \n";

	srand(3);
	for (int round = 0; round < 100000; round++) {
		size_t length = (size_t)rand() % 48;
		char *bytes = malloc(length ? length : 1), out[8];
		struct json json = {bytes, bytes + length}, value;

		for (size_t i = 0; i < length; i++)
			bytes[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		if (length)
			bytes[0] = "{[\""[round % 3];
		json_member(json, "a", &value);
		for (bool more = json_first(json, &value); more; more = json_next(&value))
			json_string(value, out, sizeof(out));
		json_string(json, out, sizeof(out));
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_runtime),
		cmocka_unit_test(test_ids_do_not_leave_the_root),
		cmocka_unit_test(test_lxc_is_its_name),
		cmocka_unit_test(test_cgroup_table),
		cmocka_unit_test(test_state_of_a_candidate),
		cmocka_unit_test(test_json_scan),
		cmocka_unit_test(test_random_json),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
