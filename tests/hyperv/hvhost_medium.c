/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * The boot medium: one file with the ticket, put where iPXE looks for its first script, as the
 * BIOS loader does with the initial RAM disk.
 */

#include <string.h>
#include <ipxe/image.h>
#include <ipxe/linux_api.h>
#include "hvhost.h"
#include <errno.h>

/** The longest ticket: what an image has room for by default */
#define MAX_TICKET 16384

/** Registers the file at path as image */
int medium_insert ( const char *path ) {
	static uint8_t ticket[MAX_TICKET + 1];
	size_t len = 0;
	ssize_t got;
	int fd;

	fd = linux_open ( path, O_RDONLY );
	if ( fd < 0 ) {
		host_say ( "cannot open the ticket %s\n", path );
		return -ENOENT;
	}
	while ( ( got = linux_read ( fd, &ticket[len], ( sizeof ( ticket ) - len ) ) ) > 0 )
		len += got;
	linux_close ( fd );
	if ( ( got < 0 ) || ( len > MAX_TICKET ) ) {
		host_say ( "cannot read the ticket %s, or it is too long\n", path );
		return -EIO;
	}
	return ( image_memory ( "ticket", ticket, len ) ? 0 : -ENOMEM );
}
