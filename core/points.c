/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables behind points.def and the kernel's features. */
#include "vnet/kernel.h"

#define TP VNET_POINT_TP
#define FUNC VNET_POINT_FUNC
#define RET VNET_POINT_RET
const struct vnet_point vnet_points[VNET_NR_POINTS] = {
#define VNET_POINT(id, kind, module, target, words) \
	[VNET_P_##id] = { #id, module, target, words, kind },
#include "vnet/points.def"
#undef VNET_POINT
};

const char *const vnet_feature_names[VNET_NR_FEATURES] = {
#define F(name, words) #name,
	VNET_FEATURES(F)
#undef F
};

const char *const vnet_feature_words[VNET_NR_FEATURES] = {
#define F(name, words) words,
	VNET_FEATURES(F)
#undef F
};
