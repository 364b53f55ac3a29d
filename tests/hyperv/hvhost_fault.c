/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * Faults: what the host does wrong, by name, and from when on.
 */

#include <string.h>
#include <limits.h>
#include "hvhost.h"
#include <errno.h>

static const struct {
	const char *name;
	enum fault fault;
} fault_names[] = {
	{ "no-offer", FAULT_NO_OFFER },
	{ "version", FAULT_VERSION },
	{ "withdrawn", FAULT_WITHDRAWN },
	{ "withdrawn-running", FAULT_WITHDRAWN_RUNNING },
	{ "gpadl-refused", FAULT_GPADL_REFUSED },
	{ "gpadl-other", FAULT_GPADL_OTHER },
	{ "open-refused", FAULT_OPEN_REFUSED },
	{ "open-other", FAULT_OPEN_OTHER },
	{ "ring-full", FAULT_RING_FULL },
	{ "flood", FAULT_FLOOD },
	{ "packet-no-header", FAULT_PACKET_NO_HEADER },
	{ "packet-overlong", FAULT_PACKET_OVERLONG },
	{ "packet-type", FAULT_PACKET_TYPE },
	{ "packet-underlength", FAULT_PACKET_UNDERLENGTH },
	{ "packet-empty", FAULT_PACKET_EMPTY },
	{ "init-silent", FAULT_INIT_SILENT },
	{ "init-status", FAULT_INIT_STATUS },
	{ "init-type", FAULT_INIT_TYPE },
	{ "init-short", FAULT_INIT_SHORT },
	{ "buffer-status", FAULT_BUFFER_STATUS },
	{ "buffer-short", FAULT_BUFFER_SHORT },
	{ "stray-completion", FAULT_STRAY_COMPLETION },
	{ "stray-inband", FAULT_STRAY_INBAND },
	{ "nvsp-type", FAULT_NVSP_TYPE },
	{ "nvsp-short", FAULT_NVSP_SHORT },
	{ "range-offset", FAULT_RANGE_OFFSET },
	{ "range-length", FAULT_RANGE_LENGTH },
	{ "range-count", FAULT_RANGE_COUNT },
	{ "pageset", FAULT_PAGESET },
	{ "rndis-short", FAULT_RNDIS_SHORT },
	{ "rndis-type", FAULT_RNDIS_TYPE },
	{ "rndis-init-short", FAULT_RNDIS_INIT_SHORT },
	{ "rndis-init-status", FAULT_RNDIS_INIT_STATUS },
	{ "rndis-query-short", FAULT_RNDIS_QUERY_SHORT },
	{ "rndis-query-range", FAULT_RNDIS_QUERY_RANGE },
	{ "rndis-query-status", FAULT_RNDIS_QUERY_STATUS },
	{ "rndis-link-size", FAULT_RNDIS_LINK_SIZE },
	{ "data-short", FAULT_DATA_SHORT },
	{ "data-offset", FAULT_DATA_OFFSET },
	{ "data-length", FAULT_DATA_LENGTH },
};

static enum fault chosen = FAULT_NONE;
static unsigned long skip;
static unsigned long left = ULONG_MAX;

/** Chooses a fault by name; fails for a name that is none */
int fault_choose ( const char *name ) {
	unsigned int i;

	for ( i = 0 ; i < ( sizeof ( fault_names ) / sizeof ( fault_names[0] ) ) ; i++ ) {
		if ( strcmp ( fault_names[i].name, name ) == 0 ) {
			chosen = fault_names[i].fault;
			return 0;
		}
	}
	host_say ( "knows no fault \"%s\"\n", name );
	return -EINVAL;
}

/** The fault spares the first "after" occasions and then happens at most "times" times */
void fault_when ( unsigned long after, unsigned long times ) {
	skip = after;
	left = times;
}

/** Whether a fault happens, on this occasion */
int fault_hits ( enum fault fault ) {
	if ( fault != chosen )
		return 0;
	if ( skip ) {
		skip--;
		return 0;
	}
	if ( ! left )
		return 0;
	if ( left != ULONG_MAX )
		left--;
	return 1;
}
