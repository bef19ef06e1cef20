/*
 * Tools whose command lines hold secrets that no name announces: short options, or a word at a certain place. A tool has
 * as many rows as it has ways; they stand together.
 */
#include "proc/mask_rules.h"

#include <ctype.h>
#include <string.h>

#define VALUE (MASK_ATTACHED | MASK_NEXT)

static const struct mask_tool tools[] = {
	{"mysqladmin", "p", MASK_ATTACHED | MASK_BARE, 0, NULL, 0},
	{"mysql", "p", MASK_ATTACHED | MASK_PREFIX, 0, NULL, 0},
	{"mariadb", "p", MASK_ATTACHED | MASK_PREFIX, 0, NULL, 0},
	{"sshpass", "p", VALUE | MASK_ONCE, 0, NULL, 0},
	{"mongo", "p", VALUE | MASK_PREFIX, 0, NULL, 0},
	{"curl", "uUE", VALUE, ':', NULL, 0},
	{"curl", "b", VALUE, '=', NULL, 0},
	{"http", "a", VALUE, ':', NULL, 0},
	{"https", "a", VALUE, ':', NULL, 0},
	{"lftp", "u", VALUE | MASK_INSIDE, ',', NULL, 0},
	{"ncftp", "p", VALUE | MASK_PREFIX, 0, NULL, 0},
	{"smbclient", "U", VALUE, '%', NULL, 0},
	{"rpcclient", "U", VALUE, '%', NULL, 0},
	{"winexe", "U", VALUE, '%', NULL, 0},
	{"7z", "p", MASK_ATTACHED | MASK_PREFIX, 0, NULL, 0},
	{"rar", "ph", MASK_ATTACHED, 0, NULL, 0},
	{"unrar", "p", MASK_ATTACHED, 0, NULL, 0},
	{"zip", "P", VALUE, 0, NULL, 0},
	{"unzip", "P", VALUE, 0, NULL, 0},
	{"docker", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"podman", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"nerdctl", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"buildah", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"skopeo", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"helm", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"oras", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"crane", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"az", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"oc", "p", VALUE | MASK_LOGIN, 0, NULL, 0},
	{"twine", "p", VALUE, 0, NULL, 0},
	{"ldap", "w", VALUE | MASK_PREFIX, 0, NULL, 0},
	{"redis-cli", "a", VALUE, 0, NULL, 0},
	{"sqlcmd", "P", VALUE, 0, NULL, 0},
	{"bcp", "P", VALUE, 0, NULL, 0},
	{"ipmitool", "P", VALUE, 0, NULL, 0},
	{"mosquitto_", "P", VALUE | MASK_PREFIX, 0, NULL, 0},
	{"cqlsh", "p", VALUE, 0, NULL, 0},
	{"snmp", "AXc", VALUE | MASK_PREFIX, 0, NULL, 0},
	{"useradd", "p", VALUE, 0, NULL, 0},
	{"usermod", "p", VALUE, 0, NULL, 0},
	{"openssl", "kK", MASK_NEXT, 0, NULL, 0},
	{"ssh-keygen", "NP", VALUE, 0, NULL, 0},
	{"rdesktop", "p", VALUE, 0, NULL, 0},
	{"yt-dlp", "p", VALUE, 0, NULL, 0},
	{"xfreerdp", "", MASK_PREFIX | MASK_SLASH, 0, NULL, 0},
	{"wlfreerdp", "", MASK_PREFIX | MASK_SLASH, 0, NULL, 0},
	{"sqlplus", "", MASK_ORACLE, 0, NULL, 0},
	{"sqlldr", "", MASK_ORACLE, 0, NULL, 0},
	{"expdp", "", MASK_ORACLE, 0, NULL, 0},
	{"impdp", "", MASK_ORACLE, 0, NULL, 0},
	{"rman", "", MASK_ORACLE, 0, NULL, 0},
	{"aws", "", MASK_BARE | MASK_SET, 0, NULL, 0},
	{"npm", "", MASK_BARE | MASK_SET, 0, NULL, 0},
	{"yarn", "", MASK_BARE | MASK_SET, 0, NULL, 0},
	{"pip", "", MASK_BARE | MASK_SET | MASK_PREFIX, 0, NULL, 0},
	{"nmcli", "", MASK_BARE, 0, NULL, 0},
	{"htpasswd", "", 0, 0, "", 2},	/* -nb USER SECRET */
	{"htpasswd", "", 0, 0, "", 3},	/* -b FILE USER SECRET */
	{"isql", "", 0, 0, "", 3},
	{"rclone", "", 0, 0, "obscure", 1},
	{"crackmapexec", "p", VALUE, 0, NULL, 0},
	{"netexec", "p", VALUE, 0, NULL, 0},
	{"nxc", "p", VALUE, 0, NULL, 0},
	{"wpa_passphrase", "", 0, 0, "", 2},
	{"vault", "", 0, 0, "login", 1},
	{"cargo", "", 0, 0, "login", 1},
	{"rabbitmqctl", "", 0, 0, "add_user", 2},
	{"rabbitmqctl", "", 0, 0, "change_password", 2},
	{"poetry", "", MASK_BARE, 0, "http-basic", 2},
	{"mc", "", 0, 0, "set", 4},
	{NULL, NULL, 0, 0, NULL, 0},
};

const struct mask_tool *mask_tool_find(const char *word, size_t length)
{
	for (size_t i = length; i > 0; i--)	/* /usr/bin/TOOL, ProxyCommand=TOOL */
		if (word[i - 1] == '/' || word[i - 1] == '=') {
			word += i;
			length -= i;
			break;
		}
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && !memchr("-_.", word[i], 3))
			return NULL;
	for (const struct mask_tool *tool = tools; tool->name; tool++) {
		size_t name = strlen(tool->name);
		if (length >= name && !memcmp(word, tool->name, name) &&
		    (length == name || (tool->how & MASK_PREFIX)))
			return tool;
	}
	return NULL;
}

const struct mask_tool *mask_tool_next(const struct mask_tool *tool)
{
	return tool[1].name && !strcmp(tool[1].name, tool->name) ? tool + 1 : NULL;
}
