/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * Guest memory that the guest shared with the host, by GPADL (guest physical address descriptor
 * list).
 *
 * On iPXE's userland platform a physical address is an address of this process, so a page number
 * leads straight to the memory.
 */

#include <string.h>
#include "hvhost.h"
#include <errno.h>

/** How many regions a guest may share; the driver shares two */
#define MAX_SHARES 8
/** The longest region, in bytes: more pages do not fit into one message */
#define MAX_SHARE ( 32 * HV_PAGE )

struct share {
	uint32_t gpadl;
	uint8_t *start;
	size_t len;
};

static struct share shares[MAX_SHARES];

static void * page_address ( uint64_t page ) {
	return ( ( void * ) ( intptr_t ) ( page * HV_PAGE ) );
}

static struct share * find ( uint32_t gpadl ) {
	unsigned int i;

	for ( i = 0 ; i < MAX_SHARES ; i++ ) {
		if ( shares[i].start && ( shares[i].gpadl == gpadl ) )
			return &shares[i];
	}
	return NULL;
}

/** Takes note of a region; it may begin within a page, but must be in one piece */
int memory_share ( const struct bus_gpadl *message, size_t len ) {
	size_t count;
	size_t i;

	if ( ( len < sizeof ( *message ) ) || ( message->range_count != 1 ) ||
	     ( message->offset >= HV_PAGE ) || ( message->len == 0 ) ||
	     ( message->len > MAX_SHARE ) )
		return -EINVAL;
	count = ( ( message->offset + message->len + HV_PAGE - 1 ) / HV_PAGE );
	if ( ( len - sizeof ( *message ) ) != ( count * sizeof ( message->pages[0] ) ) )
		return -EINVAL;
	for ( i = 1 ; i < count ; i++ ) {
		if ( message->pages[i] != ( message->pages[0] + i ) )
			return -ENOTSUP;
	}
	if ( find ( message->gpadl ) )
		return -EEXIST;
	for ( i = 0 ; i < MAX_SHARES ; i++ ) {
		if ( shares[i].start )
			continue;
		shares[i].gpadl = message->gpadl;
		shares[i].start = ( page_address ( message->pages[0] ) + message->offset );
		shares[i].len = message->len;
		return 0;
	}
	return -ENOBUFS;
}

/** Forgets a region */
int memory_unshare ( uint32_t gpadl ) {
	struct share *share = find ( gpadl );

	if ( ! share )
		return -ENOENT;
	memset ( share, 0, sizeof ( *share ) );
	return 0;
}

/** Where a region is, and how long; NULL when there is none with this number */
void * memory_map ( uint32_t gpadl, size_t *len ) {
	struct share *share = find ( gpadl );

	if ( ! share )
		return NULL;
	*len = share->len;
	return share->start;
}

/** Copies out of pages that a packet names */
int memory_read ( const uint64_t *pages, size_t count, size_t offset, void *data, size_t len ) {
	size_t fragment;

	if ( ( offset >= HV_PAGE ) || ( len > ( ( count * HV_PAGE ) - offset ) ) )
		return -ERANGE;
	for ( ; len ; pages++, offset = 0 ) {
		fragment = ( HV_PAGE - offset );
		if ( fragment > len )
			fragment = len;
		memcpy ( data, ( page_address ( *pages ) + offset ), fragment );
		data += fragment;
		len -= fragment;
	}
	return 0;
}

/** How many regions are shared right now */
unsigned int memory_shares ( void ) {
	unsigned int count = 0;
	unsigned int i;

	for ( i = 0 ; i < MAX_SHARES ; i++ ) {
		if ( shares[i].start )
			count++;
	}
	return count;
}
