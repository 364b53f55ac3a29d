/* SPDX-License-Identifier: GPL-2.0-or-later */

/** @file
 *
 * The fw-cfg driver's logic on a made-up device, one for each case on standard input
 *
 * A case is a 32-bit length and that many bytes of items; an item is a 16-bit selector, a 32-bit
 * length and its bytes; all numbers are little-endian. Each case is answered with whether the
 * device is there, how many items were listed, and each item with its value.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fw_cfg_files.h"

/** What lies behind an item's end; the driver must not mind */
#define FILLER 0xaa

static uint8_t *image;
static size_t image_len;
static const uint8_t *item;
static size_t item_len;

static size_t little_endian ( const uint8_t *bytes, unsigned int len ) {
	size_t value = 0;

	while ( len-- )
		value = ( ( value << 8 ) | bytes[len] );
	return value;
}

static void fake_select ( struct fw_cfg_device *device, uint16_t selector ) {
	size_t at = 0;

	( void ) device;
	item = NULL;
	item_len = 0;
	while ( ( image_len - at ) >= 6 ) {
		size_t len = little_endian ( image + at + 2, 4 );
		if ( len > ( image_len - at - 6 ) )
			abort();
		if ( little_endian ( image + at, 2 ) == selector ) {
			item = ( image + at + 6 );
			item_len = len;
			return;
		}
		at += ( 6 + len );
	}
}

static void fake_read ( struct fw_cfg_device *device, void *data, size_t len ) {
	uint8_t *bytes = data;

	( void ) device;
	while ( len-- ) {
		*(bytes++) = ( item_len ? *(item++) : FILLER );
		item_len -= ( item_len ? 1 : 0 );
	}
}

static void answer ( void ) {
	struct fw_cfg_device device = { .select = fake_select, .read = fake_read };
	struct fw_cfg_items *items = malloc ( sizeof ( *items ) );
	int count;
	unsigned int i;

	/* What was never written shows up as such */
	memset ( items, FILLER, sizeof ( *items ) );
	printf ( "%d", fw_cfg_present ( &device ) );
	count = fw_cfg_list ( &device, items );
	printf ( " %d %u\n", count, items->count );
	for ( i = 0 ; i < items->count ; i++ ) {
		const struct fw_cfg_item *found = fw_cfg_find ( items, items->item[i].name );
		char *value = malloc ( FW_CFG_MAX_VALUE );
		int len = fw_cfg_value ( &device, found, value );
		if ( found != &items->item[i] )
			abort();
		/* A name may hold anything but NUL */
		printf ( "%zu:", strlen ( found->name ) );
		fwrite ( found->name, 1, strlen ( found->name ), stdout );
		printf ( "=%d:%.*s\n", len, ( ( len > 0 ) ? len : 0 ), value );
		free ( value );
	}
	free ( items );
}

int main ( void ) {
	uint8_t header[4];

	while ( fread ( header, sizeof ( header ), 1, stdin ) == 1 ) {
		image_len = little_endian ( header, sizeof ( header ) );
		image = malloc ( image_len + 1 );
		if ( fread ( image, 1, image_len, stdin ) != image_len )
			abort();
		answer();
		free ( image );
	}
	return 0;
}
