/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _FW_CFG_FILES_H
#define _FW_CFG_FILES_H

/** @file
 *
 * What QEMU's firmware configuration device has for us
 *
 * Nothing here touches hardware: whoever calls brings a device, so that the same code runs on a
 * port of a PC and in a test on its host.
 */

FILE_LICENCE ( GPL2_OR_LATER );

#include <stddef.h>
#include <stdint.h>

/** What the names of our items begin with; QEMU leaves "opt/" to its users */
#define FW_CFG_PREFIX "opt/org.bootmint/"

/** The size of a name in the device's directory, with its NUL */
#define FW_CFG_NAME_SIZE 56

/** How many items are remembered; further ones are left out */
#define FW_CFG_MAX_ITEMS 64

/** The longest value, in bytes; longer ones are left out */
#define FW_CFG_MAX_VALUE 1024

/** A firmware configuration device */
struct fw_cfg_device {
	/** Chooses an item, to be read from its first byte */
	void ( * select ) ( struct fw_cfg_device *device, uint16_t selector );
	/** Reads the next bytes of the chosen item; beyond its end they are anything */
	void ( * read ) ( struct fw_cfg_device *device, void *data, size_t len );
};

/** An item of ours */
struct fw_cfg_item {
	/** Its whole name */
	char name[FW_CFG_NAME_SIZE];
	/** How to choose it */
	uint16_t selector;
	/** Its length, at most FW_CFG_MAX_VALUE */
	uint16_t len;
};

/** The items of ours */
struct fw_cfg_items {
	/** How many there are */
	unsigned int count;
	/** The items, in the device's order */
	struct fw_cfg_item item[FW_CFG_MAX_ITEMS];
};

extern int fw_cfg_present ( struct fw_cfg_device *device );
extern int fw_cfg_list ( struct fw_cfg_device *device, struct fw_cfg_items *items );
extern const struct fw_cfg_item * fw_cfg_find ( const struct fw_cfg_items *items,
						const char *name );
extern int fw_cfg_value ( struct fw_cfg_device *device, const struct fw_cfg_item *item,
			  char *value );

#endif /* _FW_CFG_FILES_H */
