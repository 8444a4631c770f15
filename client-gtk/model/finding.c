/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thing that the setup check says. The service names places and speaks English for shells and logs;
 * here a table gives the findings that are known a sentence and a button for people, and the rest is
 * worded by pba_words_problem(). Another table says what has been looked at where nothing was found.
 * Made by PbaFindings.
 */
#include "model/finding-private.h"

#include "dbus/list-kinds.h"
#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

#define NOT_OBEYED  "nothing obeys it yet"
#define MAX_TARGETS 3 /* of a row's column in its evidence */

struct _PbaFinding
{
  GObject parent_instance;

  PbaSeverity severity;
  char *interface, *key, *title, *sentence; /* (owned) */
  char *column;                             /* (owned) (nullable): of a list's row */
  char *evidence;                           /* (owned) (nullable) */
  const char *remedy;
};

G_DEFINE_FINAL_TYPE (PbaFinding, pba_finding, G_TYPE_OBJECT)

enum
{
  PROP_EVIDENCE = 1,
};

/* What the service finds, in the words of a page. @place: without a row's id; @words (nullable): part of what it says, where it says several things of a place. */
static const struct
{
  const char *place, *words, *sentence, *remedy;
} known[] = {
  { "General.Hostname", NULL, N_ ("Other servers cannot look this name up and may refuse mail."),
    N_ ("Enter Hostname") },
  { "General.Banner", NULL, N_ ("With the hostname the greeting is longer than 512 octets."),
    N_ ("Shorten Banner") },
  { "General.AuthCheckSender", NULL,
    N_ ("Nobody can log in, so nobody can send from an address of this server."),
    N_ ("Show Login Settings") },
  { "General.AuthCheckSenderSkipTrusted", NULL,
    N_ ("It has no effect while senders are not checked."), N_ ("Show Login Settings") },
  { "General.MaxRecipients", NULL, N_ ("Other servers count on at least 100 recipients a message."),
    N_ ("Change Limit") },
  { "Delivery.RelayServer", NULL,
    N_ ("All mail goes through a relay host, but none is set. Mail waits."), N_ ("Enter Server") },
  { "Delivery.RelayUser", NULL,
    N_ ("The relay host wants a login, but no username is set. Mail waits."),
    N_ ("Enter Username") },
  { "Delivery.RelayFingerprint", NULL,
    N_ ("The relay host is to be known by its fingerprint, but none is set. Mail waits."),
    N_ ("Enter Fingerprint") },
  { "Delivery.RelayTls", NULL, N_ ("A login needs an encrypted connection."),
    N_ ("Turn On Encryption") },
  { "Delivery.RelayVerify", NULL, N_ ("The password goes to whoever answers as the relay host."),
    N_ ("Change Check") },
  { "Tls.CertificateFile", NULL, N_ ("A certificate and its key are only of use together."),
    N_ ("Choose Files") },
  { "Antivirus.Address", NULL, N_ ("Mail is to be scanned, but no scanner is set."),
    N_ ("Enter Address") },
  { "Queueing.MinBackoff", NULL, N_ ("The shortest wait is longer than the longest one."),
    N_ ("Change Times") },
  { "Queueing.DelayWarning", NULL,
    N_ ("Mail is given up before its sender would be warned, so no warning is ever sent."),
    N_ ("Change Times") },
  { "Queueing.Lifetime", NULL,
    N_ ("Mail is given up before its second attempt, so it is tried only once."),
    N_ ("Change Times") },
  { "Mailboxes.LmtpAddress", NULL,
    N_ ("Mail is to be handed over by LMTP, but no address is set. Mail waits."),
    N_ ("Enter Address") },
  { "Reports.Recipients", NULL, N_ ("A daily report is to be sent, but to nobody."),
    N_ ("Enter Recipients") },
  { "Outbound.Dane", NULL, N_ ("It has no effect while DNS answers are not validated."),
    N_ ("Show Setting") },
  { "LocalDomains", NULL, N_ ("Only mail for the hostname itself is delivered here."),
    N_ ("Add Domain") },
  { "DnsblZones", NULL, N_ ("Blocklists are on, but no zone is enabled."), N_ ("Show Zones") },
  { "TrustedList.Network", "trusts everybody",
    N_ ("Everybody may send through this server: it is an open relay."), N_ ("Show Entry") },
  { "TrustedList.Network", "public network",
    N_ ("A wide public network may send through this server."), N_ ("Show Entry") },
  { "DomainList.Domain", NULL, N_ ("It is also a local domain, whose mail is delivered here."),
    N_ ("Show Entry") },
  { "AccessList.Kind", NULL, N_ ("A sender can be forged, an IP address cannot."),
    N_ ("Show Rule") },
  { "AccessList.Value", "mask with gaps", N_ ("The mask has gaps. Is this meant?"),
    N_ ("Show Rule") },
  { "LocalDomains.CatchAll", NULL, N_ ("What is to take the rest of its mail does not exist here."),
    N_ ("Show Domain") },
  { "Accounts.Addresses", NULL, N_ ("An address is in no local domain, so no mail comes for it."),
    N_ ("Show Account") },
  { "Aliases.Address", NULL, N_ ("It is in no local domain, so no mail comes for it."),
    N_ ("Show Alias") },
  { "Aliases.Targets", "lead back", N_ ("It only leads back to itself."), N_ ("Show Alias") },
  { "Aliases.Targets", "does not exist", N_ ("It leads to an address that does not exist here."),
    N_ ("Show Alias") },
};

/* What the service looks at. A check has passed when none of its places has a finding. */
static const struct
{
  const char *title;
  const char *places[7]; /* settings or a list; all must be there, the first one is gone to */
  const char *evidence;  /* (nullable): the setting that shows how it stands */
  const char *sentence;
} checks[] = {
  { N_ ("Hostname"),
    { "General.Hostname", "General.Banner" },
    "General.Hostname",
    N_ ("It is no name of a private network, and the greeting that holds it is short enough.") },
  { N_ ("Recipients of a Message"),
    { "General.MaxRecipients" },
    "General.MaxRecipients",
    N_ ("Other servers count on at least 100.") },
  { N_ ("Sender Check"),
    { "General.AuthCheckSender", "General.AuthCheckSenderSkipTrusted" },
    "General.AuthCheckSender",
    N_ ("Who must send from an address of their own can log in.") },
  { N_ ("Relay Host"),
    { "Delivery.RelayServer", "Delivery.RelayUser", "Delivery.RelayFingerprint",
      "Delivery.RelayTls", "Delivery.RelayVerify" },
    "Delivery.Mode",
    N_ ("Server, login, encryption and certificate check fit together.") },
  { N_ ("Lifetime of Mail"),
    { "Queueing.Lifetime", "Queueing.MinBackoff", "Queueing.DelayWarning" },
    "Queueing.Lifetime",
    N_ ("Mail is tried more than once before it goes back.") },
  { N_ ("Certificate"),
    { "Tls.CertificateFile" },
    "Tls.CertificateFile",
    N_ ("There are both a certificate and its key, or neither.") },
  { N_ ("Mailboxes"),
    { "Mailboxes.LmtpAddress" },
    "Mailboxes.Kind",
    N_ ("Mail for accounts has a place to go.") },
  { N_ ("Daily Report"),
    { "Reports.Recipients" },
    "Reports.DailyEnabled",
    N_ ("It goes to somebody when it is on.") },
  { N_ ("DANE"),
    { "Outbound.Dane" },
    "Outbound.Dane",
    N_ ("DNS answers are validated when it is on.") },
  { N_ ("Antivirus"),
    { "Antivirus.Address" },
    "Antivirus.Policy",
    N_ ("There is a scanner when mail is to be scanned.") },
  { N_ ("Trusted List"),
    { "TrustedList" },
    NULL,
    N_ ("No entry lets strangers send through this server.") },
  { N_ ("Domain List"), { "DomainList" }, NULL, N_ ("No entry is a local domain as well.") },
  { N_ ("Blacklist and Whitelist"),
    { "AccessList" },
    NULL,
    N_ ("No rule can be forged, and no mask has gaps.") },
  { N_ ("Blocklist Zones"),
    { "DnsblZones" },
    NULL,
    N_ ("A zone is enabled when blocklists are on.") },
  { N_ ("Local Domains"),
    { "LocalDomains" },
    NULL,
    N_ ("There is one, and what is to take the rest of its mail exists.") },
  { N_ ("Accounts"), { "Accounts" }, NULL, N_ ("Every address is in a local domain.") },
  { N_ ("Aliases"), { "Aliases" }, NULL, N_ ("Every alias leads to somebody.") },
};

static void
pba_finding_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_string (value, PBA_FINDING (object)->evidence);
}

static void
pba_finding_finalize (GObject *object)
{
  PbaFinding *self = PBA_FINDING (object);

  g_free (self->interface);
  g_free (self->key);
  g_free (self->title);
  g_free (self->sentence);
  g_free (self->column);
  g_free (self->evidence);
  G_OBJECT_CLASS (pba_finding_parent_class)->finalize (object);
}

static void
pba_finding_class_init (PbaFindingClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_finding_get_gproperty;
  object_class->finalize = pba_finding_finalize;
  g_object_class_install_property (object_class, PROP_EVIDENCE,
                                   g_param_spec_string ("evidence", NULL, NULL, NULL,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
pba_finding_init (PbaFinding *self)
{
}

PbaSeverity
pba_finding_get_severity (PbaFinding *self)
{
  return self->severity;
}

const char *
pba_finding_get_title (PbaFinding *self)
{
  return self->title;
}

const char *
pba_finding_get_sentence (PbaFinding *self)
{
  return self->sentence;
}

const char *
pba_finding_get_evidence (PbaFinding *self)
{
  return self->evidence;
}

const char *
pba_finding_get_remedy (PbaFinding *self)
{
  return self->remedy;
}

const char *
pba_finding_get_interface (PbaFinding *self)
{
  return self->interface;
}

const char *
pba_finding_get_key (PbaFinding *self)
{
  return self->key;
}

/* ---- evidence ---- */

/* How a setting stands: what it says, or "Not set". */
static char *
setting_evidence (PbaSetting *setting)
{
  GVariant *value = setting != NULL ? pba_setting_get_value (setting) : NULL;
  const char *text;

  if (value == NULL)
    return NULL;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32)
      && g_str_equal (pba_setting_get_unit (setting), pba_words_unit ("seconds")))
    return pba_words_duration (g_variant_get_uint32 (value));
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
      || pba_setting_get_choices (setting) != NULL)
    return pba_words_value (pba_setting_get_key (setting), pba_setting_get_choices (setting),
                            value);
  text = g_variant_get_string (value, NULL);
  return g_strdup (text[0] != '\0' ? text : _ ("Not set"));
}

static char *
cell_text (GVariant *cells, const char *column)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (cells, column, NULL);
  g_auto (GStrv) entries = NULL;

  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);
  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return g_strdup ("");
  entries = g_variant_dup_strv (value, NULL);
  if (g_strv_length (entries) > MAX_TARGETS)
    {
      g_free (entries[MAX_TARGETS]);
      entries[MAX_TARGETS] = g_strdup ("…");
      for (guint i = MAX_TARGETS + 1; entries[i] != NULL; i++)
        g_clear_pointer (&entries[i], g_free);
    }
  return g_strjoinv (", ", entries);
}

gboolean
pba_finding_is_of_row (PbaFinding *self)
{
  return self->column != NULL;
}

/* "Office, 10.0.0.0/8": what the row is called, and what is at fault in it. */
void
pba_finding_take_row (PbaFinding *self, GVariant *cells)
{
  static const char *const names[] = { "Name", "Address", "Domain", "Zone" };
  g_autofree char *cell =
    cell_text (cells, g_str_equal (self->column, "Kind") ? "Value" : self->column);
  g_autofree char *name = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names) && (name == NULL || name[0] == '\0'); i++)
    {
      g_free (name);
      name = cell_text (cells, names[i]);
    }
  g_free (self->evidence);
  if (name[0] == '\0' || cell[0] == '\0' || g_str_equal (name, cell))
    self->evidence = g_strdup (name[0] != '\0' ? name : cell);
  else
    self->evidence = g_strdup_printf ("%s, %s", name, cell);
  g_object_notify (G_OBJECT (self), "evidence");
}

/* ---- a finding ---- */

static PbaSeverity
parse_severity (const char *word)
{
  return g_str_equal (word, "error")     ? PBA_SEVERITY_ERROR
         : g_str_equal (word, "problem") ? PBA_SEVERITY_PROBLEM
                                         : PBA_SEVERITY_WARNING;
}

static char *
title_of (PbaSettingsModel *settings, const char *interface, const char *key, const char *column)
{
  PbaSetting *setting = pba_settings_model_lookup (settings, key);
  PbListKind kind;

  if (setting != NULL)
    return g_strdup (pba_setting_get_title (setting));
  if (!pb_list_lookup (interface, &kind))
    return g_strdup (interface);
  for (guint i = 0; i < pb_list_spec (kind)->n_columns; i++)
    if (g_strcmp0 (pb_list_spec (kind)->columns[i].name, column) == 0)
      /* Translators: a list and one of its columns: “Trusted list: Network” */
      return g_strdup_printf (_ ("%s: %s"), _ (pb_list_spec (kind)->title),
                              _ (pb_list_spec (kind)->columns[i].title));
  return g_strdup (_ (pb_list_spec (kind)->title));
}

static void
take_words (PbaFinding *self, const char *place, const char *words)
{
  /* That nothing obeys it is said of any setting. */
  if (strstr (words, NOT_OBEYED) != NULL)
    {
      self->sentence = g_strdup (_ ("It is kept, but this server does not obey it yet"));
      self->remedy = _ ("Show");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (known[i].place, place)
        && (known[i].words == NULL || strstr (words, known[i].words) != NULL))
      {
        self->sentence = pba_words_help (known[i].sentence);
        self->remedy = _ (known[i].remedy);
        return;
      }
  self->sentence = pba_words_problem (words);
  self->remedy = _ ("Show");
}

PbaFinding *
pba_finding_new (PbaSettingsModel *settings, const char *place, const char *severity,
                 const char *words)
{
  PbaFinding *self = g_object_new (PBA_TYPE_FINDING, NULL);
  gsize length = strcspn (place, "[.");
  const char *id = place[length] == '[' ? place + length + 1 : NULL;
  const char *dot = strrchr (place, '.');
  g_autofree char *plain = NULL;

  self->severity = parse_severity (severity);
  self->interface = g_strndup (place, length);
  plain = id != NULL && dot != NULL ? g_strconcat (self->interface, dot, NULL) : g_strdup (place);
  if (id != NULL)
    {
      self->key = g_strndup (id, strcspn (id, "]"));
      self->column = g_strdup (dot != NULL ? dot + 1 : "");
    }
  else
    self->key = g_strdup (dot != NULL ? place : "");
  self->title = title_of (settings, self->interface, place, dot != NULL ? dot + 1 : NULL);
  self->evidence = setting_evidence (pba_settings_model_lookup (settings, place));
  take_words (self, plain, words);
  return self;
}

/* ---- what has passed ---- */

static gboolean
is_there (PbaConnection *connection, PbaSettingsModel *settings, const char *place)
{
  return strchr (place, '.') != NULL ? pba_settings_model_lookup (settings, place) != NULL
                                     : pba_connection_has_method (connection, place, "List");
}

static gboolean
is_found (GPtrArray *found, const char *place)
{
  for (guint i = 0; i < found->len; i++)
    {
      const PbaFinding *finding = found->pdata[i];

      if (g_str_equal (finding->key, place) || g_str_equal (finding->interface, place))
        return TRUE;
    }
  return FALSE;
}

static PbaFinding *
passed_new (PbaSettingsModel *settings, guint check)
{
  PbaFinding *self = g_object_new (PBA_TYPE_FINDING, NULL);
  const char *place = checks[check].places[0];
  const char *dot = strchr (place, '.');

  self->severity = PBA_SEVERITY_PASSED;
  self->interface = g_strndup (place, strcspn (place, "."));
  self->key = g_strdup (dot != NULL ? place : "");
  self->title = g_strdup (_ (checks[check].title));
  self->sentence = pba_words_help (checks[check].sentence);
  self->remedy = _ ("Show");
  if (checks[check].evidence != NULL)
    self->evidence =
      setting_evidence (pba_settings_model_lookup (settings, checks[check].evidence));
  return self;
}

GPtrArray *
pba_finding_list_passed (PbaConnection *connection, PbaSettingsModel *settings, GPtrArray *found)
{
  GPtrArray *passed = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    {
      gboolean fine = TRUE;

      for (const char *const *place = checks[i].places; *place != NULL; place++)
        fine = fine && is_there (connection, settings, *place) && !is_found (found, *place);
      if (fine)
        g_ptr_array_add (passed, passed_new (settings, i));
    }
  return passed;
}
