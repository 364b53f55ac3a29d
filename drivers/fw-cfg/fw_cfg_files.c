/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * What QEMU's firmware configuration device has for us
 *
 * Written from QEMU's description of the device (docs/specs/fw_cfg). All that the device says is
 * taken for hostile: counts and sizes are limited before they are used, and a directory that
 * cannot be one is ignored as a whole.
 */

#include <string.h>
#include "fw_cfg_files.h"

/** The item that holds the device's signature */
#define FW_CFG_SIGNATURE 0x0000

/** The item that holds the directory */
#define FW_CFG_FILE_DIR 0x0019

/** The first selector of an item that the directory names */
#define FW_CFG_FILE_FIRST 0x0020

/** The selectors' bits that are no number: one wants to write, one is for the architecture */
#define FW_CFG_FLAGS 0xc000

/** The largest directory that is believed; QEMU's own have a few dozen entries */
#define FW_CFG_MAX_ENTRIES 4096

/** An entry of the directory, whose numbers are big-endian */
struct fw_cfg_entry {
	uint8_t size[4];
	uint8_t selector[2];
	uint8_t reserved[2];
	char name[FW_CFG_NAME_SIZE];
};

static uint32_t big_endian ( const uint8_t *bytes, unsigned int len ) {
	uint32_t value = 0;

	while ( len-- )
		value = ( ( value << 8 ) | *(bytes++) );
	return value;
}

/** Whether the device is there */
int fw_cfg_present ( struct fw_cfg_device *device ) {
	char signature[4];

	device->select ( device, FW_CFG_SIGNATURE );
	device->read ( device, signature, sizeof ( signature ) );
	return ( memcmp ( signature, "QEMU", sizeof ( signature ) ) == 0 );
}

/** Whether an entry is an item of ours that can be used */
static int is_ours ( const struct fw_cfg_entry *entry ) {
	uint32_t size = big_endian ( entry->size, sizeof ( entry->size ) );
	uint32_t selector = big_endian ( entry->selector, sizeof ( entry->selector ) );

	return ( ( strncmp ( entry->name, FW_CFG_PREFIX, strlen ( FW_CFG_PREFIX ) ) == 0 ) &&
		 entry->name[ strlen ( FW_CFG_PREFIX ) ] && ( size <= FW_CFG_MAX_VALUE ) &&
		 ( selector >= FW_CFG_FILE_FIRST ) && ! ( selector & FW_CFG_FLAGS ) );
}

/**
 * Lists the items of ours
 *
 * Gives how many there are, or -1 where the directory is none: then there are no items.
 */
int fw_cfg_list ( struct fw_cfg_device *device, struct fw_cfg_items *items ) {
	struct fw_cfg_entry entry;
	struct fw_cfg_item *item;
	uint8_t raw[4];
	uint32_t count;

	items->count = 0;
	device->select ( device, FW_CFG_FILE_DIR );
	device->read ( device, raw, sizeof ( raw ) );
	count = big_endian ( raw, sizeof ( raw ) );
	if ( count > FW_CFG_MAX_ENTRIES )
		return -1;
	while ( count-- ) {
		device->read ( device, &entry, sizeof ( entry ) );
		if ( ! memchr ( entry.name, 0, sizeof ( entry.name ) ) ) {
			items->count = 0;
			return -1;
		}
		if ( ( items->count == FW_CFG_MAX_ITEMS ) || ! is_ours ( &entry ) ||
		     fw_cfg_find ( items, entry.name ) )
			continue;
		item = &items->item[items->count++];
		memcpy ( item->name, entry.name, sizeof ( item->name ) );
		item->selector = big_endian ( entry.selector, sizeof ( entry.selector ) );
		item->len = big_endian ( entry.size, sizeof ( entry.size ) );
	}
	return items->count;
}

/** The item called name, or NULL */
const struct fw_cfg_item * fw_cfg_find ( const struct fw_cfg_items *items, const char *name ) {
	unsigned int i;

	for ( i = 0 ; i < items->count ; i++ ) {
		if ( strcmp ( items->item[i].name, name ) == 0 )
			return &items->item[i];
	}
	return NULL;
}

/** Whether a character may be in a value: iPXE expands what follows a dollar sign once more */
static int is_plain ( char c ) {
	return ( ( c >= ' ' ) && ( c <= '~' ) && ( c != '$' ) );
}

/**
 * Reads a value into a buffer of FW_CFG_MAX_VALUE bytes
 *
 * Line ends behind the value do not count, since files have them. Gives the value's length
 * without NUL; -1 where it is empty or more than one line of plain text.
 */
int fw_cfg_value ( struct fw_cfg_device *device, const struct fw_cfg_item *item, char *value ) {
	unsigned int len = item->len;
	unsigned int i;

	if ( len > FW_CFG_MAX_VALUE )
		return -1;
	device->select ( device, item->selector );
	device->read ( device, value, len );
	while ( len && ( ( value[ len - 1 ] == '\n' ) || ( value[ len - 1 ] == '\r' ) ) )
		len--;
	for ( i = 0 ; i < len ; i++ ) {
		if ( ! is_plain ( value[i] ) )
			return -1;
	}
	return ( len ? ( int ) len : -1 );
}
