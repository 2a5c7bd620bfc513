/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads BTF: see core/btf.h. The format: include/uapi/linux/btf.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/btf.h"
#include "vnet/util.h"

#define BTF_DIR		"/sys/kernel/btf"
#define VMLINUX		BTF_DIR "/vmlinux"

/* What follows a struct btf_type, by kind: fixed, and for each of its vlen. */
static const struct {
	bool known;
	uint8_t fixed, each;
} kinds[] = {
	[BTF_KIND_INT] = { true, sizeof(uint32_t) },
	[BTF_KIND_PTR] = { true },
	[BTF_KIND_ARRAY] = { true, sizeof(struct btf_array) },
	[BTF_KIND_STRUCT] = { true, 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { true, 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { true, 0, sizeof(struct btf_enum) },
	[BTF_KIND_FWD] = { true },
	[BTF_KIND_TYPEDEF] = { true },
	[BTF_KIND_VOLATILE] = { true },
	[BTF_KIND_CONST] = { true },
	[BTF_KIND_RESTRICT] = { true },
	[BTF_KIND_FUNC] = { true },
	[BTF_KIND_FUNC_PROTO] = { true, 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { true, sizeof(struct btf_var) },
	[BTF_KIND_DATASEC] = { true, 0, sizeof(struct btf_var_secinfo) },
	[BTF_KIND_FLOAT] = { true },
	[BTF_KIND_DECL_TAG] = { true, sizeof(struct btf_decl_tag) },
	[BTF_KIND_TYPE_TAG] = { true },
	[BTF_KIND_ENUM64] = { true, 0, sizeof(struct btf_enum64) },
};

/* The size of a type's record; 0 if it does not fit or nobody knows the kind. */
static size_t type_size(const struct btf_type *type, size_t left)
{
	uint32_t kind;
	size_t size;

	if (left < sizeof(*type))
		return 0;
	kind = btf_kind(type);
	if (kind >= VNET_ARRAY_SIZE(kinds) || !kinds[kind].known)
		return 0;
	size = sizeof(*type) + kinds[kind].fixed + (size_t)kinds[kind].each * btf_vlen(type);
	return size <= left ? size : 0;
}

/* Notes where each type begins; every later access relies on what is tested here. */
static int index_types(struct vnet_btf *btf, size_t len)
{
	/* A type takes 12 bytes at least, 24 on the average of a kernel. */
	size_t room = len / 20 + 1, nr = 0;

	btf->offsets = vnet_alloc(room * sizeof(*btf->offsets));
	for (size_t at = 0, size; at < len; at += size) {
		size = type_size((const void *)(btf->types + at), len - at);
		if (!size)
			return -EINVAL;
		if (nr == room) {
			room += room / 2 + 1;
			btf->offsets = vnet_realloc(btf->offsets,
						    room * sizeof(*btf->offsets));
		}
		btf->offsets[nr++] = at;
	}
	btf->end = btf->first + nr;
	return 0;
}

static int read_header(struct vnet_btf *btf)
{
	const struct btf_header *h = btf->data;
	size_t left;

	if (btf->size < sizeof(*h) || h->magic != BTF_MAGIC ||
	    h->version != BTF_VERSION || h->hdr_len < sizeof(*h) ||
	    h->hdr_len > btf->size)
		return -EINVAL;
	left = btf->size - h->hdr_len;
	if (h->type_off > left || h->type_len > left - h->type_off ||
	    h->str_off > left || h->str_len > left - h->str_off ||
	    h->type_off % sizeof(uint32_t) || !h->str_len)
		return -EINVAL;
	btf->types = (const char *)btf->data + h->hdr_len + h->type_off;
	btf->strings = (const char *)btf->data + h->hdr_len + h->str_off;
	btf->strings_len = h->str_len;
	if (btf->strings[h->str_len - 1])
		return -EINVAL;
	return index_types(btf, h->type_len);
}

/* Takes the data over; NULL if they are no BTF. */
static struct vnet_btf *make(void *data, size_t size, bool mapped,
			     const struct vnet_btf *base)
{
	struct vnet_btf *btf = vnet_alloc(sizeof(*btf));

	*btf = (struct vnet_btf){
		.base = base, .data = data, .size = size, .mapped = mapped,
		.first = base ? base->end : 1,
		.strings_from = base ? base->strings_len : 0,
	};
	if (!read_header(btf))
		return btf;
	vnet_btf_free(btf);
	return NULL;
}

void vnet_btf_free(struct vnet_btf *btf)
{
	if (!btf)
		return;
	if (btf->mapped)
		munmap(btf->data, btf->size);
	else
		free(btf->data);
	free(btf->offsets);
	free(btf);
}

struct vnet_btf *vnet_btf_copy(const void *data, size_t size, const struct vnet_btf *base)
{
	void *copy = vnet_alloc(size + 1);

	memcpy(copy, data, size);
	return make(copy, size, false, base);
}

/* As much as its size says: sysfs tells it, and gives a page at a time. */
static void *read_all(int fd, size_t size)
{
	char *data = malloc(size);

	for (size_t done = 0; data && done < size;) {
		ssize_t n = read(fd, data + done, size - done);

		if (n <= 0) {
			free(data);
			return NULL;
		}
		done += n;
	}
	return data;
}

static struct vnet_btf *open_raw(const char *path, const struct vnet_btf *base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *data = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		data = read_all(fd, st.st_size);
	close(fd);
	return data ? make(data, st.st_size, false, base) : NULL;
}

/* Since v6.16 it can be mapped: there is nothing to read. */
static struct vnet_btf *map_kernel(void)
{
	int fd = open(VMLINUX, O_RDONLY | O_CLOEXEC);
	void *data = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && st.st_size > 0)
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return data == MAP_FAILED ? NULL : make(data, st.st_size, true, NULL);
}

struct vnet_btf *vnet_btf_kernel(void)
{
	struct vnet_btf *btf = map_kernel();

	return btf ?: open_raw(VMLINUX, NULL);
}

struct vnet_btf *vnet_btf_module(const char *module, const struct vnet_btf *vmlinux)
{
	char path[128];

	snprintf(path, sizeof(path), BTF_DIR "/%s", module);
	return open_raw(path, vmlinux);
}

/* Takes over what libbpf read; NULL is passed on. */
static struct vnet_btf *take(struct btf *parsed)
{
	struct vnet_btf *btf = NULL;
	uint32_t size;
	const void *data = parsed ? btf__raw_data(parsed, &size) : NULL;

	if (data)
		btf = vnet_btf_copy(data, size, NULL);
	btf__free(parsed);
	return btf;
}

struct vnet_btf *vnet_btf_file(const char *path)
{
	return open_raw(path, NULL) ?: take(btf__parse_elf(path, NULL));
}

struct vnet_btf *vnet_btf_image(void)
{
	return take(btf__load_vmlinux_btf());
}

uint32_t vnet_btf_find(const struct vnet_btf *btf, const char *name, uint32_t kind)
{
	uint32_t nr = btf->end - btf->first;

	for (uint32_t i = 0; i < nr; i++) {
		const struct btf_type *type = (const void *)(btf->types + btf->offsets[i]);

		if (btf_kind(type) == kind &&
		    !strcmp(vnet_btf_string(btf, type->name_off), name))
			return btf->first + i;
	}
	return 0;
}

/* Whether the BTF object is the module's. */
static bool is_btf_of(int fd, const char *module)
{
	char name[64] = "";
	struct bpf_btf_info info = {
		.name = (uintptr_t)name, .name_len = sizeof(name),
	};
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
	       !strcmp(name, module);
}

int vnet_btf_module_fd(const char *module)
{
	uint32_t id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		int fd = bpf_btf_get_fd_by_id(id);

		/* It may have been unloaded in between. */
		if (fd < 0 && errno != ENOENT)
			return -errno;
		if (fd < 0)
			continue;
		if (is_btf_of(fd, module))
			return fd;
		close(fd);
	}
	return -errno;
}
