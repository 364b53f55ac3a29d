/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * Settings from QEMU's firmware configuration device
 *
 * What stands as "-fw_cfg name=opt/org.bootmint/KEY,string=VALUE" on QEMU's command line is the
 * setting "fw_cfg/opt/org.bootmint/KEY". The whole name is asked for, so that no item takes the
 * place of one of iPXE's own settings, and no other program's items can be read.
 */

/* The tree's list of files knows nothing of this one */
#define ERRFILE_fw_cfg ( ERRFILE_DRIVER | 0x00fd0000 )

#include <string.h>
#include <errno.h>
#include <ipxe/cpuid.h>
#include <ipxe/init.h>
#include <ipxe/io.h>
#include <ipxe/settings.h>
#include "fw_cfg_files.h"

/** The port that takes the number of an item */
#define FW_CFG_PORT_SELECTOR 0x510

/** The port that gives the item's bytes, one by one */
#define FW_CFG_PORT_DATA 0x511

/** The scope of our settings: only who asks this block by name gets an answer */
static const struct settings_scope fw_cfg_scope;

static void fw_cfg_port_select ( struct fw_cfg_device *device __unused, uint16_t selector ) {
	outw ( selector, FW_CFG_PORT_SELECTOR );
}

static void fw_cfg_port_read ( struct fw_cfg_device *device __unused, void *data, size_t len ) {
	insb ( FW_CFG_PORT_DATA, data, len );
}

static struct fw_cfg_device fw_cfg_port = {
	.select = fw_cfg_port_select,
	.read = fw_cfg_port_read,
};

static struct fw_cfg_items fw_cfg_items;

static int fw_cfg_applies ( struct settings *settings __unused, const struct setting *setting ) {
	return ( setting->scope == &fw_cfg_scope );
}

static int fw_cfg_fetch ( struct settings *settings __unused, struct setting *setting,
			  void *data, size_t len ) {
	static char value[FW_CFG_MAX_VALUE];
	const struct fw_cfg_item *item = fw_cfg_find ( &fw_cfg_items, setting->name );
	int value_len;

	if ( ! item )
		return -ENOENT;
	value_len = fw_cfg_value ( &fw_cfg_port, item, value );
	if ( value_len < 0 )
		return -ENOENT;
	if ( len > ( ( size_t ) value_len ) )
		len = value_len;
	memcpy ( data, value, len );
	if ( ! setting->type )
		setting->type = &setting_type_string;
	return value_len;
}

static struct settings_operations fw_cfg_operations = {
	.applies = fw_cfg_applies,
	.fetch = fw_cfg_fetch,
};

static struct settings fw_cfg_settings = {
	.refcnt = NULL,
	.siblings = LIST_HEAD_INIT ( fw_cfg_settings.siblings ),
	.children = LIST_HEAD_INIT ( fw_cfg_settings.children ),
	.op = &fw_cfg_operations,
	.default_scope = &fw_cfg_scope,
};

/** Whether this is a virtual machine: on real ones those ports may be anything */
static int is_virtual ( void ) {
	uint32_t discard_a, discard_b, discard_d;
	uint32_t features;

	if ( cpuid_supported ( CPUID_FEATURES ) != 0 )
		return 0;
	cpuid ( CPUID_FEATURES, 0, &discard_a, &discard_b, &features, &discard_d );
	return ( ( features & CPUID_FEATURES_INTEL_ECX_HYPERVISOR ) != 0 );
}

static void fw_cfg_init ( void ) {
	int rc;

	if ( ! is_virtual() || ! fw_cfg_present ( &fw_cfg_port ) )
		return;
	if ( fw_cfg_list ( &fw_cfg_port, &fw_cfg_items ) < 0 ) {
		DBG ( "fw_cfg has no valid directory\n" );
		return;
	}
	if ( ( rc = register_settings ( &fw_cfg_settings, NULL, "fw_cfg" ) ) != 0 )
		DBG ( "fw_cfg could not register settings: %s\n", strerror ( rc ) );
}

/** Finds the device before a script can ask for it */
struct init_fn fw_cfg_init_fn __init_fn ( INIT_NORMAL ) = {
	.name = "fw_cfg",
	.initialise = fw_cfg_init,
};
