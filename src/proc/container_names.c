/*
 * No runtime is asked anything: sonde opens no socket of theirs and needs none of them to answer.
 * Each leaves its containers' configuration as JSON in a place of its own. Containers of rootless
 * users keep theirs in the users' homes and are known by id only.
 */

#include "container_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_scan.h"

#define LARGEST_FILE (8u << 20)
#define TASKS "run/containerd/io.containerd.runtime.v2.task"

struct file {
	char *data;
	struct json json;
};

static bool read_file(struct file *file, const char *root, const char *directory, const char *id,
		      const char *name)
{
	char path[1024];
	struct stat status;
	size_t used = 0;

	file->data = NULL;
	int length = snprintf(path, sizeof(path), "%s/%s/%s%s%s", root, directory, id, *id ? "/" : "",
			      name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return false;
	/* never wait for a FIFO that somebody put there */
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0)
		return false;
	if (!fstat(descriptor, &status) && S_ISREG(status.st_mode) && status.st_size > 0 &&
	    status.st_size <= (off_t)LARGEST_FILE)
		file->data = malloc((size_t)status.st_size);
	while (file->data && used < (size_t)status.st_size) {
		ssize_t got = read(descriptor, file->data + used, (size_t)status.st_size - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(descriptor);
	if (file->data)
		file->json = (struct json){file->data, file->data + used};
	return file->data;
}

static bool take(struct json object, const char *key, char *out, size_t size)
{
	struct json value;

	return !out[0] && json_member(object, key, &value) && json_string(value, out, size);
}

/* The same things under the names that containerd, CRI-O, podman and nerdctl give them. */
static void take_annotations(struct json config, struct container_names *names)
{
	static const char *const name_keys[] = {
		"io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name",
		"io.container.manager.name",
	};
	static const char *const image_keys[] = {
		"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
		"io.kubernetes.cri-o.Image", "nerdctl/image-name", "org.opencontainers.image.ref.name",
	};
	static const char *const pod_keys[] = {"io.kubernetes.cri.sandbox-name",
					       "io.kubernetes.pod.name"};
	static const char *const space_keys[] = {"io.kubernetes.cri.sandbox-namespace",
						 "io.kubernetes.pod.namespace"};
	struct json annotations;

	if (!json_member(config, "annotations", &annotations))
		return;
	for (size_t i = 0; i < sizeof(name_keys) / sizeof(*name_keys); i++)
		take(annotations, name_keys[i], names->name, sizeof(names->name));
	for (size_t i = 0; i < sizeof(image_keys) / sizeof(*image_keys); i++)
		take(annotations, image_keys[i], names->image, sizeof(names->image));
	for (size_t i = 0; i < sizeof(pod_keys) / sizeof(*pod_keys); i++)
		take(annotations, pod_keys[i], names->pod_name, sizeof(names->pod_name));
	for (size_t i = 0; i < sizeof(space_keys) / sizeof(*space_keys); i++)
		take(annotations, space_keys[i], names->pod_namespace, sizeof(names->pod_namespace));
}

static bool from_docker(const char *root, const char *id, struct container_names *names)
{
	struct json config;
	struct file file;

	if (!read_file(&file, root, "var/lib/docker/containers", id, "config.v2.json"))
		return false;
	take(file.json, "Name", names->name, sizeof(names->name));
	if (names->name[0] == '/')
		memmove(names->name, names->name + 1, strlen(names->name));
	if (json_member(file.json, "Config", &config)) {
		take(config, "Image", names->image, sizeof(names->image));
		struct json labels;
		if (json_member(config, "Labels", &labels)) {
			take(labels, "io.kubernetes.pod.name", names->pod_name, sizeof(names->pod_name));
			take(labels, "io.kubernetes.pod.namespace", names->pod_namespace,
			     sizeof(names->pod_namespace));
		}
	}
	free(file.data);
	return true;
}

/* Any namespace of containerd may hold the id; there are few. */
static bool from_containerd(const char *root, const char *id, struct container_names *names)
{
	char path[1024];
	struct dirent *entry;
	bool found = false;

	int length = snprintf(path, sizeof(path), "%s/%s", root, TASKS);
	if (length < 0 || (size_t)length >= sizeof(path))
		return false;
	DIR *directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		struct file file;
		char below[512];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", TASKS, entry->d_name);
		/* docker runs its containers through containerd, but keeps their names itself */
		if (!strcmp(entry->d_name, "moby") || !read_file(&file, root, below, id, "config.json"))
			continue;
		take_annotations(file.json, names);
		free(file.data);
		found = true;
	}
	if (directory)
		closedir(directory);
	return found;
}

static bool from_userdata(const char *root, const char *id, struct container_names *names)
{
	char directory[512];
	struct file file;

	snprintf(directory, sizeof(directory), "run/containers/storage/overlay-containers/%s", id);
	if (!read_file(&file, root, directory, "userdata", "config.json"))
		return false;
	take_annotations(file.json, names);
	free(file.data);
	return true;
}

/* CRI-O shares the place with podman, but all its containers are of pods. */
static bool from_crio(const char *root, const char *id, struct container_names *names)
{
	return from_userdata(root, id, names) && names->pod_name[0];
}

static bool from_storage(const char *root, const char *list, const char *id,
			 struct container_names *names)
{
	struct json element, value;
	struct file file;
	bool found = false;

	if (!read_file(&file, root, "var/lib/containers/storage/overlay-containers", "", list))
		return false;
	for (bool more = json_first(file.json, &element); more && !found; more = json_next(&element)) {
		char own[256];
		if (!json_member(element, "id", &value) || !json_string(value, own, sizeof(own)) ||
		    strcmp(own, id))
			continue;
		found = true;
		/* a JSON text within a string */
		char metadata[2048];
		if (json_member(element, "metadata", &value)) {
			size_t length = json_string(value, metadata, sizeof(metadata));
			struct json inner = {metadata, metadata + length};
			take(inner, "image-name", names->image, sizeof(names->image));
			take(inner, "name", names->name, sizeof(names->name));
		}
		struct json first;
		if (!names->name[0] && json_member(element, "names", &value) && json_first(value, &first))
			json_string(first, names->name, sizeof(names->name));
		if (!names->image[0])
			take(element, "image", names->image, sizeof(names->image));
	}
	free(file.data);
	return found;
}

static bool from_podman(const char *root, const char *id, struct container_names *names)
{
	bool stored = from_storage(root, "containers.json", id, names) ||
		      from_storage(root, "volatile-containers.json", id, names);

	return from_userdata(root, id, names) || stored;
}

static bool from_crun(const char *root, const char *id, struct container_names *names)
{
	struct file file;

	if (!read_file(&file, root, "run/crun", id, "status"))
		return false;
	free(file.data);
	if (read_file(&file, root, "run/crun", id, "config.json")) {
		take_annotations(file.json, names);
		free(file.data);
	}
	return true;
}

static bool from_runc(const char *root, const char *id, struct container_names *names)
{
	struct file file;

	(void)names;
	if (!read_file(&file, root, "run/runc", id, "state.json"))
		return false;
	free(file.data);
	return true;
}

static const struct {
	enum container_runtime runtime;
	bool (*read)(const char *root, const char *id, struct container_names *names);
	bool named;		/* its users choose the ids: an id is a name */
} sources[] = {
	{CONTAINER_RUNTIME_DOCKER, from_docker, false},
	{CONTAINER_RUNTIME_CONTAINERD, from_containerd, false},
	{CONTAINER_RUNTIME_CRIO, from_crio, false},
	{CONTAINER_RUNTIME_PODMAN, from_podman, false},
	{CONTAINER_RUNTIME_CRUN, from_crun, true},
	{CONTAINER_RUNTIME_RUNC, from_runc, true},
};

bool container_names_read(const char *root, struct container_identity *identity,
			  struct container_names *names)
{
	const char *id = identity->id;

	memset(names, 0, sizeof(*names));
	/* an id becomes part of a path */
	if (identity->state == CONTAINER_NONE || !id[0] || id[0] == '.' || strchr(id, '/'))
		return false;
	if (identity->runtime == CONTAINER_RUNTIME_LXC || identity->runtime == CONTAINER_RUNTIME_NSPAWN) {
		memcpy(names->name, id, sizeof(names->name));
		return true;
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		enum container_runtime runtime = sources[i].runtime;
		if (identity->runtime != CONTAINER_RUNTIME_UNKNOWN && identity->runtime != runtime)
			continue;
		if (!sources[i].read(root, id, names))
			continue;
		if (sources[i].named && !names->name[0])
			memcpy(names->name, id, sizeof(names->name));
		identity->runtime = runtime;
		identity->state = CONTAINER_INSIDE;
		return true;
	}
	return false;
}
