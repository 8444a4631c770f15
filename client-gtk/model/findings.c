/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager.Validate as a list, the worst first. The service names places and speaks English for shells
 * and logs; here a table gives the findings that are known a sentence and a button for people, and the
 * rest is worded by pba_words_problem(). Made by PbaServer; changes of settings and lists ask again, one
 * question at a time. A check that fails leaves what was found and says why.
 */
#include "model/findings.h"

#include "dbus/list-kinds.h"
#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

struct _PbaFinding
{
  GObject parent_instance;

  PbaSeverity severity;
  char *interface, *key, *title, *sentence; /* (owned) */
  const char *remedy;
};

G_DEFINE_FINAL_TYPE (PbaFinding, pba_finding, G_TYPE_OBJECT)

struct _PbaFindings
{
  GObject parent_instance;

  PbaConnection *connection;  /* (owned) */
  PbaSettingsModel *settings; /* (owned) */
  GPtrArray *items;           /* (owned) (element-type PbaFinding) */
  gint64 time;
  gboolean checking, again;
  char *error; /* (owned) (nullable) */
};

enum
{
  PROP_COUNT = 1,
  PROP_TIME,
  PROP_CHECKING,
  PROP_ERROR,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

/* What the service finds, in the words of a page. @place: its key, without a row's id. */
static const struct
{
  const char *place, *sentence, *remedy;
} known[] = {
  { "General.Hostname", N_ ("Other servers cannot look this name up and may refuse mail."),
    N_ ("Enter Hostname") },
  { "General.Banner", N_ ("With the hostname the greeting is longer than 512 octets."),
    N_ ("Shorten Banner") },
  { "General.AuthCheckSender",
    N_ ("Nobody can log in, so nobody can send from an address of this server."),
    N_ ("Show Login Settings") },
  { "General.MaxRecipients", N_ ("Other servers count on at least 100 recipients a message."),
    N_ ("Change Limit") },
  { "Delivery.RelayServer", N_ ("All mail goes through a relay host, but none is set. Mail waits."),
    N_ ("Enter Server") },
  { "Delivery.RelayUser",
    N_ ("The relay host wants a login, but no username is set. Mail waits."),
    N_ ("Enter Username") },
  { "Delivery.RelayFingerprint",
    N_ ("The relay host is to be known by its fingerprint, but none is set. Mail waits."),
    N_ ("Enter Fingerprint") },
  { "Delivery.RelayTls", N_ ("A login needs an encrypted connection."), N_ ("Turn On Encryption") },
  { "Tls.CertificateFile", N_ ("A certificate and its key are only of use together."),
    N_ ("Choose Files") },
  { "Antivirus.Address", N_ ("Mail is to be scanned, but no scanner is set."),
    N_ ("Enter Address") },
  { "Queueing.MinBackoff", N_ ("The shortest wait is longer than the longest one."),
    N_ ("Change Times") },
  { "Mailboxes.LmtpAddress",
    N_ ("Mail is to be handed over by LMTP, but no address is set. Mail waits."),
    N_ ("Enter Address") },
  { "Reports.Recipients", N_ ("A daily report is to be sent, but to nobody."),
    N_ ("Enter Recipients") },
  { "LocalDomains", N_ ("Only mail for the hostname itself is delivered here."),
    N_ ("Add Domain") },
  { "DnsblZones", N_ ("Blocklists are on, but no zone is enabled."), N_ ("Show Zones") },
};

/* ---- one finding ---- */

static void
pba_finding_finalize (GObject *object)
{
  PbaFinding *self = PBA_FINDING (object);

  g_free (self->interface);
  g_free (self->key);
  g_free (self->title);
  g_free (self->sentence);
  G_OBJECT_CLASS (pba_finding_parent_class)->finalize (object);
}

static void
pba_finding_class_init (PbaFindingClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_finding_finalize;
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

/* "TrustedList[<id>].Network", "General.Hostname" or "LocalDomains". */
static PbaFinding *
finding_new (PbaSettingsModel *settings, const char *place, const char *severity, const char *words)
{
  PbaFinding *self = g_object_new (PBA_TYPE_FINDING, NULL);
  gsize length = strcspn (place, "[.");
  const char *id = place[length] == '[' ? place + length + 1 : NULL;
  const char *dot = strrchr (place, '.');

  self->severity = parse_severity (severity);
  self->interface = g_strndup (place, length);
  if (id != NULL)
    self->key = g_strndup (id, strcspn (id, "]"));
  else
    self->key = g_strdup (dot != NULL ? place : "");
  self->title = title_of (settings, self->interface, place, dot != NULL ? dot + 1 : NULL);
  self->remedy = _ ("Show");
  /* That nothing obeys a setting is said of any. */
  for (guint i = 0; i < G_N_ELEMENTS (known) && strstr (words, "nothing obeys") == NULL; i++)
    if (g_str_equal (known[i].place, place))
      {
        self->sentence = g_strdup (_ (known[i].sentence));
        self->remedy = _ (known[i].remedy);
      }
  if (self->sentence == NULL)
    self->sentence = pba_words_problem (words);
  return self;
}

/* ---- all of them ---- */

static GType
get_item_type (GListModel *model)
{
  return PBA_TYPE_FINDING;
}

static guint
get_n_items (GListModel *model)
{
  return PBA_FINDINGS (model)->items->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  PbaFindings *self = PBA_FINDINGS (model);

  return position < self->items->len ? g_object_ref (self->items->pdata[position]) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaFindings, pba_findings, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static int
compare_findings (gconstpointer a, gconstpointer b)
{
  const PbaFinding *first = *(PbaFinding *const *) a;
  const PbaFinding *second = *(PbaFinding *const *) b;

  return (int) first->severity - (int) second->severity;
}

static gboolean
is_same (GPtrArray *old, GPtrArray *new)
{
  if (old->len != new->len)
    return FALSE;
  for (guint i = 0; i < old->len; i++)
    {
      const PbaFinding *first = old->pdata[i], *second = new->pdata[i];

      if (first->severity != second->severity || !g_str_equal (first->key, second->key)
          || !g_str_equal (first->interface, second->interface)
          || !g_str_equal (first->title, second->title)
          || !g_str_equal (first->sentence, second->sentence))
        return FALSE;
    }
  return TRUE;
}

static void
take (PbaFindings *self, GVariant *found)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);
  guint old = self->items->len;
  GVariantIter iter;
  const char *place, *severity, *words;

  g_variant_iter_init (&iter, found);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &place, &severity, &words))
    g_ptr_array_add (items, finding_new (self->settings, place, severity, words));
  g_ptr_array_sort (items, compare_findings);
  self->time = g_get_real_time () / G_USEC_PER_SEC;
  if (!is_same (self->items, items))
    {
      g_ptr_array_unref (self->items);
      self->items = g_steal_pointer (&items);
      g_list_model_items_changed (G_LIST_MODEL (self), 0, old, self->items->len);
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNT]);
    }
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TIME]);
}

static void
set_error (PbaFindings *self, const GError *error)
{
  g_free (self->error);
  self->error = error != NULL ? pba_words_error (error) : NULL;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

static void
on_validated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaFindings) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  g_autoptr (GVariant) found = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  self->checking = FALSE;
  if (found != NULL)
    take (self, found);
  set_error (self, error);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHECKING]);
  if (self->again)
    pba_findings_check (self);
}

void
pba_findings_check (PbaFindings *self)
{
  self->again = self->checking;
  if (self->checking
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED
      || !pba_connection_has_method (self->connection, "Manager", "Validate"))
    return;
  self->checking = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHECKING]);
  pba_connection_call (self->connection, "Manager", "Validate", NULL, "(a(sss))", NULL,
                       on_validated, g_object_ref (self));
}

static void
on_changed (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  pba_findings_check (user_data);
}

static void
pba_findings_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaFindings *self = PBA_FINDINGS (object);

  if (property == PROP_COUNT)
    g_value_set_uint (value, self->items->len);
  else if (property == PROP_TIME)
    g_value_set_int64 (value, self->time);
  else if (property == PROP_CHECKING)
    g_value_set_boolean (value, self->checking);
  else
    g_value_set_string (value, self->error);
}

static void
pba_findings_finalize (GObject *object)
{
  PbaFindings *self = PBA_FINDINGS (object);

  g_object_unref (self->connection);
  g_object_unref (self->settings);
  g_ptr_array_unref (self->items);
  g_free (self->error);
  G_OBJECT_CLASS (pba_findings_parent_class)->finalize (object);
}

static void
pba_findings_class_init (PbaFindingsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_findings_get_gproperty;
  object_class->finalize = pba_findings_finalize;
  properties[PROP_COUNT] = g_param_spec_uint ("count", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_TIME] = g_param_spec_int64 ("time", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_CHECKING] = g_param_spec_boolean ("checking", NULL, NULL, FALSE, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_findings_init (PbaFindings *self)
{
  self->items = g_ptr_array_new_with_free_func (g_object_unref);
}

PbaFindings *
pba_findings_new (PbaConnection *connection, PbaManager *manager, PbaSettingsModel *settings)
{
  PbaFindings *self = g_object_new (PBA_TYPE_FINDINGS, NULL);

  self->connection = g_object_ref (connection);
  self->settings = g_object_ref (settings);
  /* Titles come from the settings, so they must be there first. */
  g_signal_connect_object (settings, "notify::loaded", G_CALLBACK (on_changed), self, 0);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_changed), self, 0);
  g_signal_connect_object (manager, "notify::revision", G_CALLBACK (on_changed), self, 0);
  pba_findings_check (self);
  return self;
}

gint64
pba_findings_get_time (PbaFindings *self)
{
  return self->time;
}

const char *
pba_findings_get_error (PbaFindings *self)
{
  return self->error;
}
