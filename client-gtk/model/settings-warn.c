/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is doubtful about settings as they are edited, told at the row before anything is sent. Part of
 * PbaSettingsModel, asked whenever something is counted. A row of the table a rule, in words of the
 * pages; the service has its own for what already holds, which the setup check shows. A setting that
 * this service lacks makes a rule silent.
 */
#include "model/settings-model-private.h"

#include <glib/gi18n.h>

typedef enum
{
  IS_UNDER,    /* a number under @number */
  IS_LOCAL,    /* a name that only means something here */
  IS_ON,       /* a switch */
  IS_OFF,      /* a switch, a policy, "off" */
  IS_NOT_OFF,  /* a policy */
  IS_WORD,     /* a choice, @word */
  IS_EMPTY,    /* a text or a list */
  IS_GIVEN,    /* a text */
  IS_MORE,     /* a number above the other's, which is not 0 */
  IS_LESS,     /* a number under the other's, and not 0 */
  IS_NOT_LESS, /* a number not under the other's, and not 0 */
  IS_ANY,
} Condition;

static const struct
{
  const char *key; /* whose row is told */
  Condition is;
  const char *other; /* (nullable): and this one */
  Condition other_is;
  const char *word;
  guint32 number;
  const char *sentence;
} rules[] = {
  { "General.MaxRecipients", IS_UNDER, NULL, IS_ANY, NULL, 100,
    N_ ("Other servers count on at least 100") },
  { "General.Hostname", IS_LOCAL, NULL, IS_ANY, NULL, 0,
    N_ ("Other servers cannot look this name up and may refuse mail") },
  { "General.AuthCheckSender", IS_ON, "General.AuthEnabled", IS_OFF, NULL, 0,
    N_ ("Nobody can log in, so nobody can send from an address of this server") },
  { "Delivery.RelayServer", IS_EMPTY, "Delivery.Mode", IS_WORD, "relay", 0,
    N_ ("Mail waits until there is a relay host") },
  { "Delivery.RelayUser", IS_EMPTY, "Delivery.RelayAuth", IS_ON, NULL, 0,
    N_ ("Mail waits until there is a user name") },
  { "Delivery.RelayFingerprint", IS_EMPTY, "Delivery.RelayVerify", IS_WORD, "fingerprint", 0,
    N_ ("Mail waits until there is a fingerprint") },
  { "Delivery.RelayTls", IS_OFF, "Delivery.RelayAuth", IS_ON, NULL, 0,
    N_ ("A login needs a secure connection") },
  { "Delivery.RelayVerify", IS_WORD, "Delivery.RelayAuth", IS_ON, "none", 0,
    N_ ("The password goes to whoever answers as the relay host") },
  { "Queueing.MinBackoff", IS_MORE, "Queueing.MaxBackoff", IS_ANY, NULL, 0,
    N_ ("Longer than the maximum retry interval") },
  { "Queueing.DelayWarning", IS_NOT_LESS, "Queueing.Lifetime", IS_ANY, NULL, 0,
    N_ ("Not shorter than the message lifetime, so nobody is told") },
  { "Queueing.Lifetime", IS_LESS, "Queueing.MinBackoff", IS_ANY, NULL, 0,
    N_ ("Shorter than the minimum retry interval, so mail is tried only once") },
  { "Mailboxes.LmtpAddress", IS_EMPTY, "Mailboxes.Kind", IS_WORD, "lmtp", 0,
    N_ ("Mail waits until there is an LMTP address") },
  { "Antivirus.Address", IS_EMPTY, "Antivirus.Policy", IS_NOT_OFF, NULL, 0,
    N_ ("Nothing is scanned until there is a scanner address") },
  { "Tls.KeyFile", IS_EMPTY, "Tls.CertificateFile", IS_GIVEN, NULL, 0,
    N_ ("Has to be given together with the certificate file") },
  { "Tls.CertificateFile", IS_EMPTY, "Tls.KeyFile", IS_GIVEN, NULL, 0,
    N_ ("Has to be given together with the private key file") },
  { "Reports.Recipients", IS_EMPTY, "Reports.DailyEnabled", IS_ON, NULL, 0,
    N_ ("Nobody gets the report until there is a recipient") },
  { "Outbound.Dane", IS_ON, "Dns.Validate", IS_OFF, NULL, 0,
    N_ ("Has no effect while DNS answers are not validated") },
};

static gboolean
is_empty (PbaSetting *setting)
{
  g_auto (GStrv) texts = pba_setting_dup_texts (setting);

  return pba_setting_get_kind (setting) == PBA_SETTING_LIST
           ? texts[0] == NULL
           : pba_setting_get_text (setting)[0] == '\0';
}

static gboolean
is_off (PbaSetting *setting)
{
  return pba_setting_get_kind (setting) == PBA_SETTING_SWITCH
           ? !pba_setting_get_boolean (setting)
           : g_str_equal (pba_setting_get_text (setting), "off");
}

static gboolean
holds (guint rule, Condition condition, PbaSetting *setting, PbaSetting *other)
{
  guint32 number = pba_setting_get_number (setting);
  guint32 others = other != NULL ? pba_setting_get_number (other) : 0;

  switch (condition)
    {
    case IS_UNDER:
      return number < rules[rule].number;
    case IS_LOCAL:
      return g_str_has_suffix (pba_setting_get_text (setting), ".localdomain");
    case IS_ON:
      return pba_setting_get_boolean (setting);
    case IS_OFF:
      return is_off (setting);
    case IS_NOT_OFF:
      return !is_off (setting);
    case IS_WORD:
      return g_str_equal (pba_setting_get_text (setting), rules[rule].word);
    case IS_EMPTY:
      return is_empty (setting);
    case IS_GIVEN:
      return !is_empty (setting);
    case IS_MORE:
      return number > others && others != 0;
    case IS_LESS:
      return number < others && number != 0;
    case IS_NOT_LESS:
      return number >= others && number != 0;
    case IS_ANY:
      return TRUE;
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
bites (PbaSettingsModel *self, guint rule, PbaSetting *setting)
{
  PbaSetting *other =
    rules[rule].other != NULL ? pba_settings_model_lookup (self, rules[rule].other) : NULL;

  if (rules[rule].other != NULL && (other == NULL || pba_setting_get_pending (other) == NULL))
    return FALSE;
  return pba_setting_get_pending (setting) != NULL && holds (rule, rules[rule].is, setting, other)
         && (other == NULL || holds (rule, rules[rule].other_is, other, setting));
}

void
pba_settings_model_warn (PbaSettingsModel *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      PbaSetting *setting = pba_settings_model_lookup (self, rules[i].key);

      if (setting != NULL)
        pba_setting_set_warning (setting, bites (self, i, setting) ? _ (rules[i].sentence) : NULL);
    }
}
