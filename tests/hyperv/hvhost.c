/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * A simulated Hyper-V host for iPXE's Linux userland platform: the tree's own vmbus.c, netvsc.c
 * and rndis.c run against it, unchanged.
 *
 *     hvhost.linux --net hvhost,ticket=FILE[,mac=MAC][,fault=NAME[,after=N][,times=N]]
 */

#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <ipxe/base16.h>
#include <ipxe/linux.h>
#include <ipxe/malloc.h>
#include <ipxe/hyperv.h>
#include <ipxe/vmbus.h>
#include "hvhost.h"
#include <errno.h>

static struct hv_hypervisor hypervisor;

/** The value of an option, or NULL */
static const char * option ( struct linux_device_request *request, char *name ) {
	struct linux_setting *setting = linux_find_setting ( name, &request->settings );

	return ( setting ? setting->value : NULL );
}

static unsigned long number ( struct linux_device_request *request, char *name,
			      unsigned long otherwise ) {
	const char *value = option ( request, name );

	return ( value ? strtoul ( value, NULL, 10 ) : otherwise );
}

/** Does what the command line says */
static int configure ( struct linux_device_request *request ) {
	const char *ticket = option ( request, "ticket" );
	const char *mac = option ( request, "mac" );
	const char *fault = option ( request, "fault" );
	uint8_t raw[6];
	int rc;

	if ( mac ) {
		if ( hex_decode ( ':', mac, raw, sizeof ( raw ) ) != sizeof ( raw ) )
			return -EINVAL;
		rndis_set_mac ( raw );
	}
	if ( fault && ( ( rc = fault_choose ( fault ) ) != 0 ) )
		return rc;
	fault_when ( number ( request, "after", 0 ), number ( request, "times", ULONG_MAX ) );
	return ( ticket ? medium_insert ( ticket ) : -EINVAL );
}

static int hvhost_probe ( struct linux_device *linux, struct linux_device_request *request ) {
	int rc;

	if ( ( rc = configure ( request ) ) != 0 )
		goto err_configure;
	if ( ( rc = net_open() ) != 0 )
		goto err_net;
	hypervisor.message = malloc_phys ( HV_PAGE, HV_PAGE );
	if ( ! hypervisor.message ) {
		rc = -ENOMEM;
		goto err_message;
	}
	if ( ( rc = vmbus_probe ( &hypervisor, &linux->dev ) ) != 0 )
		goto err_vmbus;
	return 0;

 err_vmbus:
	bus_reset();
	free_phys ( hypervisor.message, HV_PAGE );
 err_message:
	net_close();
 err_net:
 err_configure:
	host_say ( "got no guest driver to work: %s\n", strerror ( rc ) );
	return rc;
}

static void hvhost_remove ( struct linux_device *linux ) {
	vmbus_remove ( &hypervisor, &linux->dev );
	bus_reset();
	free_phys ( hypervisor.message, HV_PAGE );
	net_close();
}

struct linux_driver hvhost_driver __linux_driver = {
	.name = "hvhost",
	.probe = hvhost_probe,
	.remove = hvhost_remove,
};

/* The driver that this is all about */
REQUIRING_SYMBOL ( hvhost_driver );
REQUIRE_OBJECT ( netvsc );
