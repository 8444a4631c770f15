/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What settings must be to each other. One row of a table a rule: how bad it is, which settings it
 * looks at, when it bites, what to say. Called by the registry before a commit for the rules that
 * refuse, and for the report of Manager.Validate. Pure; any thread.
 */
#include "settings/cross-check.h"

#include "dbus/errors.h"
#include "util/marked.h"

#include <string.h>

#define MAX_REPLY_LINE 512 /* RFC 5321 4.5.3.1.5, with CRLF */

static gboolean
is_on (const char *policy)
{
  return !g_str_equal (policy, "off");
}

static gboolean
auth_without_tls (const PbSettingValues *v)
{
  return v->delivery_relay_auth && g_str_equal (v->delivery_relay_tls, "off");
}

static gboolean
greeting_too_long (const PbSettingValues *v)
{
  return strlen ("220  \r\n") + strlen (v->general_hostname) + strlen (v->general_banner)
         > MAX_REPLY_LINE;
}

static gboolean
relay_without_server (const PbSettingValues *v)
{
  return g_str_equal (v->delivery_mode, "relay") && v->delivery_relay_server[0] == '\0';
}

static gboolean
relay_is_ourselves (const PbSettingValues *v)
{
  return g_str_equal (v->delivery_mode, "relay")
         && g_ascii_strcasecmp (v->delivery_relay_server, v->general_hostname) == 0;
}

static gboolean
auth_without_user (const PbSettingValues *v)
{
  return v->delivery_relay_auth && v->delivery_relay_user[0] == '\0';
}

static gboolean
verify_without_fingerprint (const PbSettingValues *v)
{
  return g_str_equal (v->delivery_relay_verify, "fingerprint")
         && v->delivery_relay_fingerprint[0] == '\0';
}

static gboolean
auth_without_verify (const PbSettingValues *v)
{
  return v->delivery_relay_auth && g_str_equal (v->delivery_relay_verify, "none");
}

static gboolean
check_sender_without_auth (const PbSettingValues *v)
{
  return v->general_auth_check_sender && !v->general_auth_enabled;
}

static gboolean
skip_without_check_sender (const PbSettingValues *v)
{
  return v->general_auth_check_sender_skip_trusted && !v->general_auth_check_sender;
}

static gboolean
few_recipients (const PbSettingValues *v)
{
  return v->general_max_recipients < 100;
}

static gboolean
hostname_is_local (const PbSettingValues *v)
{
  return g_str_has_suffix (v->general_hostname, ".localdomain");
}

static gboolean
certificate_without_key (const PbSettingValues *v)
{
  return (v->tls_certificate_file[0] == '\0') != (v->tls_key_file[0] == '\0');
}

static gboolean
scan_without_address (const PbSettingValues *v)
{
  return is_on (v->antivirus_policy) && v->antivirus_address[0] == '\0';
}

static gboolean
backoff_reversed (const PbSettingValues *v)
{
  return v->queueing_min_backoff > v->queueing_max_backoff;
}

static gboolean
warning_never_sent (const PbSettingValues *v)
{
  return v->queueing_delay_warning != 0 && v->queueing_delay_warning >= v->queueing_lifetime;
}

static gboolean
lifetime_without_retry (const PbSettingValues *v)
{
  return v->queueing_lifetime != 0 && v->queueing_lifetime < v->queueing_min_backoff;
}

static gboolean
lmtp_without_address (const PbSettingValues *v)
{
  return g_str_equal (v->mailboxes_kind, "lmtp") && v->mailboxes_lmtp_address[0] == '\0';
}

static gboolean
report_without_recipients (const PbSettingValues *v)
{
  return v->reports_daily_enabled && v->reports_recipients[0] == NULL;
}

static gboolean
dane_without_validation (const PbSettingValues *v)
{
  return v->outbound_dane && !v->dns_validate;
}

static const struct
{
  PbSeverity severity;
  const char *keys[4]; /* the first one is the place */
  gboolean (*bites) (const PbSettingValues *values);
  const char *words;
} rules[] = {
  { PB_SEVERITY_ERROR,
    { "Delivery.RelayTls", "Delivery.RelayAuth" },
    auth_without_tls,
    N_ ("must not be off while RelayAuth is on") },
  { PB_SEVERITY_ERROR,
    { "General.Banner", "General.Hostname" },
    greeting_too_long,
    N_ ("must be shorter: with Hostname the greeting is longer than 512 octets") },
  { PB_SEVERITY_PROBLEM,
    { "Delivery.RelayServer", "Delivery.Mode" },
    relay_without_server,
    "must be given while Mode is relay; mail waits" },
  { PB_SEVERITY_PROBLEM,
    { "Delivery.RelayServer", "Delivery.Mode", "General.Hostname" },
    relay_is_ourselves,
    "is this server itself; mail waits" },
  { PB_SEVERITY_PROBLEM,
    { "Delivery.RelayUser", "Delivery.RelayAuth" },
    auth_without_user,
    "must be given while RelayAuth is on; mail waits" },
  { PB_SEVERITY_PROBLEM,
    { "Delivery.RelayFingerprint", "Delivery.RelayVerify" },
    verify_without_fingerprint,
    "must be given while RelayVerify is fingerprint; mail waits" },
  { PB_SEVERITY_WARNING,
    { "Delivery.RelayVerify", "Delivery.RelayAuth" },
    auth_without_verify,
    "none sends the password to whoever answers as the relay host" },
  { PB_SEVERITY_PROBLEM,
    { "General.AuthCheckSender", "General.AuthEnabled" },
    check_sender_without_auth,
    "with AuthEnabled off nobody can log in, so nobody can send from a local address" },
  { PB_SEVERITY_WARNING,
    { "General.AuthCheckSenderSkipTrusted", "General.AuthCheckSender" },
    skip_without_check_sender,
    "has no effect while AuthCheckSender is off" },
  { PB_SEVERITY_WARNING,
    { "General.MaxRecipients" },
    few_recipients,
    "is under 100, which other servers count on (RFC 5321 4.5.3.1.8)" },
  { PB_SEVERITY_WARNING,
    { "General.Hostname" },
    hostname_is_local,
    "is not a name that other servers can look up; they may refuse mail" },
  { PB_SEVERITY_PROBLEM,
    { "Tls.CertificateFile", "Tls.KeyFile" },
    certificate_without_key,
    "and KeyFile must be given together" },
  { PB_SEVERITY_PROBLEM,
    { "Antivirus.Address", "Antivirus.Policy" },
    scan_without_address,
    "must be given while Policy is on; no message can be scanned, OnFailure says what is done with all" },
  { PB_SEVERITY_PROBLEM,
    { "Queueing.MinBackoff", "Queueing.MaxBackoff" },
    backoff_reversed,
    "is longer than MaxBackoff" },
  { PB_SEVERITY_WARNING,
    { "Queueing.DelayWarning", "Queueing.Lifetime" },
    warning_never_sent,
    "is not under Lifetime, so no warning is ever sent" },
  { PB_SEVERITY_WARNING,
    { "Queueing.Lifetime", "Queueing.MinBackoff" },
    lifetime_without_retry,
    "is under MinBackoff, so mail is tried only once" },
  { PB_SEVERITY_PROBLEM,
    { "Mailboxes.LmtpAddress", "Mailboxes.Kind" },
    lmtp_without_address,
    "must be given while Kind is lmtp; mail waits" },
  { PB_SEVERITY_PROBLEM,
    { "Reports.Recipients", "Reports.DailyEnabled" },
    report_without_recipients,
    "must be given while DailyEnabled is on" },
  { PB_SEVERITY_WARNING,
    { "Outbound.Dane", "Dns.Validate" },
    dane_without_validation,
    "has no effect while Dns.Validate is off" },
};

void
pb_cross_check_add (GVariantBuilder *report, PbSeverity severity, const char *place,
                    const char *words)
{
  static const char *const names[] = { "error", "problem", "warning" };

  g_variant_builder_add (report, "(sss)", place, names[severity], words);
}

gboolean
pb_cross_check_refuse (const PbSettingValues *values, GHashTable *changed, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      gboolean touched = FALSE;

      for (const char *const *key = rules[i].keys; *key != NULL; key++)
        touched = touched || g_hash_table_contains (changed, *key);
      if (rules[i].severity != PB_SEVERITY_ERROR || !touched || !rules[i].bites (values))
        continue;
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: %s", rules[i].keys[0],
                   rules[i].words);
      return FALSE;
    }
  return TRUE;
}

/* Somebody set it and will wait for it to do something. General.Hostname's default is the machine's. */
static void
report_ineffective (const PbSettingValues *values, GVariantBuilder *report)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      g_autoptr (GVariant) def = NULL;
      g_autoptr (GVariant) value = NULL;

      if ((spec->flags & PB_SETTING_INEFFECTIVE) == 0)
        continue;
      def = pb_setting_default (spec);
      value = pb_setting_values_get (values, spec);
      if (!g_variant_equal (value, def))
        pb_cross_check_add (report, PB_SEVERITY_WARNING, spec->key,
                            "is kept, but nothing obeys it yet");
    }
}

GVariant *
pb_cross_check_report (const PbSnapshot *snapshot, GPtrArray *const *rows)
{
  GVariantBuilder report;

  g_variant_builder_init (&report, G_VARIANT_TYPE ("a(sss)"));
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (rules[i].bites (&snapshot->values))
      pb_cross_check_add (&report, rules[i].severity, rules[i].keys[0], rules[i].words);
  pb_cross_check_lists (snapshot, rows, &report);
  pb_cross_check_signing (snapshot, rows, &report);
  report_ineffective (&snapshot->values, &report);
  return g_variant_ref_sink (g_variant_builder_end (&report));
}
