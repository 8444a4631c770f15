/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The test of a relay, or of the virus scanner, step by step. Opened by the relay page and by the dialog of
 * an exception, each of which says what a pinned key becomes there: a change that is still to be applied;
 * and by the page Antivirus. What a server said is shown as it came. A certificate that is not to be trusted is shown with its fingerprint, to be compared
 * before it is pinned. Closing it leaves the service to end the test by itself.
 */
#include "pages/relay-test-dialog.h"

#include "model/said.h"
#include "model/words.h"
#include "pages/finding-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>
#include <string.h>

#define WIDTH      480
#define HEIGHT     560
#define GROUP_SIZE 4 /* digits of a fingerprint between blanks */

/* What is tested, in words. */
typedef struct
{
  const char *title, *running, *failed, *doubtful, *fine;
} Words;

struct _PbaRelayTestDialog
{
  AdwWindow parent_instance;

  PbaServer *server; /* (owned) */
  char *relay;       /* (owned) (nullable) NULL: the virus scanner */
  const Words *words;
  GCancellable *cancellable;        /* (owned) */
  GtkListBox *list;                 /* (unowned) */
  GtkLabel *summary;                /* (unowned) */
  GtkWidget *spinner, *again, *pin; /* (unowned) */
  char *fingerprint;                /* (owned) (nullable) of the certificate that may be pinned */
  char *trouble;                    /* (owned) (nullable) what is wrong with it */
};

G_DEFINE_FINAL_TYPE (PbaRelayTestDialog, pba_relay_test_dialog, ADW_TYPE_WINDOW)

static guint pin_signal;

static const Words relay_words = {
  N_ ("Test of the Relay Host"),
  N_ ("Testing the relay host as it is set on the server…"),
  N_ ("Mail cannot go over this relay host as it is set"),
  N_ ("Mail can go over this relay host, but look at the warnings"),
  N_ ("Mail can go over this relay host"),
};

static const Words scanner_words = {
  N_ ("Test of the Virus Scanner"),
  N_ ("Testing the scanner as it is set on the server…"),
  N_ ("Mail cannot be scanned as it is set"),
  N_ ("Mail can be scanned, but look at the warnings"),
  N_ ("Mail can be scanned"),
};

static const struct
{
  const char *word, *title;
} steps[] = {
  { "resolve", N_ ("Find the server") },
  { "connect", N_ ("Connect") },
  { "greeting", N_ ("Greeting") },
  { "tls", N_ ("Encryption") },
  { "login", N_ ("Login") },
  { "mail", N_ ("Sender") },
  { "recipient", N_ ("Recipient") },
  { "ping", N_ ("Answer") },
  { "version", N_ ("Version and signatures") },
  { "clean", N_ ("Harmless message") },
  { "infected", N_ ("Test virus EICAR") },
  { "descriptors", N_ ("Handing over of files") },
  { "size", N_ ("Largest message") },
};

static const struct
{
  const char *word, *icon, *style, *title;
} states[] = {
  { "ok", "emblem-ok-symbolic", "success", N_ ("Passed") },
  { "warning", "dialog-warning-symbolic", "warning", N_ ("Warning") },
  { "failed", "dialog-error-symbolic", "error", N_ ("Failed") },
  { "skipped", "list-remove-symbolic", "dim-label", N_ ("Not tried") },
};

static const char *
text_of (GVariant *step, const char *name)
{
  const char *text = "";

  g_variant_lookup (step, name, "&s", &text);
  return text;
}

/* ---- rows ---- */

static const char *
step_title (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (g_str_equal (steps[i].word, word))
      return _ (steps[i].title);
  return word;
}

/* "Not tried" for what a newer service says. */
static guint
state_of (GVariant *step)
{
  guint state = 0;

  while (state < G_N_ELEMENTS (states) - 1
         && !g_str_equal (states[state].word, text_of (step, "State")))
    state++;
  return state;
}

/* A line about @text, where there is one. */
static void
  G_GNUC_PRINTF (3, 4) append_line (GString *lines, const char *text, const char *format, ...)
{
  va_list arguments;

  if (text[0] == '\0')
    return;
  if (lines->len > 0)
    g_string_append_c (lines, '\n');
  va_start (arguments, format);
  g_string_append_vprintf (lines, format, arguments);
  va_end (arguments);
}

static char *
describe_end (GVariant *step)
{
  guint64 end = 0;
  g_autoptr (GDateTime) time = NULL;

  g_variant_lookup (step, "NotAfter", "t", &end);
  time = end > 0 ? g_date_time_new_from_unix_local ((gint64) MIN (end, G_MAXINT64)) : NULL;
  return time != NULL ? g_date_time_format (time, "%x") : g_strdup ("");
}

/* Of when a scanner's signatures are. */
static char *
describe_signatures (GVariant *step)
{
  guint64 seconds = 0;

  g_variant_lookup (step, "SignatureTime", "t", &seconds);
  return seconds > 0 ? pba_words_time ((gint64) MIN (seconds, G_MAXINT64)) : g_strdup ("");
}

static char *
describe (GVariant *step)
{
  g_autofree char *words = pba_said_words (text_of (step, "Detail"));
  g_autofree char *detail = pba_words_capitalize (words);
  g_autoptr (GString) lines = g_string_new (detail);
  g_autofree char *signatures = describe_signatures (step);
  g_autofree char *end = describe_end (step);
  const char *host = text_of (step, "Host"), *subject = text_of (step, "Subject");
  const char *issuer = text_of (step, "Issuer"), *trouble = text_of (step, "Trouble");

  if (g_str_equal (text_of (step, "Step"), "connect"))
    append_line (lines, host, "%s", host);
  /* Translators: of a certificate; %s is whose it is, in the notation of certificates */
  append_line (lines, subject, _ ("Certificate of %s"), subject);
  /* Translators: of a certificate */
  append_line (lines, issuer, _ ("Issued by %s"), issuer);
  /* Translators: of a certificate; %s is a day */
  append_line (lines, end, _ ("Valid until %s"), end);
  /* Translators: of a certificate; %s is why, in the words of the server */
  append_line (lines, trouble, _ ("Nobody vouches for it: %s"), trouble);
  /* Translators: of a virus scanner; %s is a time: “Yesterday” */
  append_line (lines, signatures, _ ("Signatures: %s"), signatures);
  return g_string_free (g_steal_pointer (&lines), FALSE);
}

static GtkWidget *
row_new (GVariant *step)
{
  guint state = state_of (step);
  const char *title = step_title (text_of (step, "Step"));
  g_autofree char *lines = describe (step);
  g_autofree char *name = g_strdup_printf ("%s: %s, %s", _ (states[state].title), title, lines);
  GtkWidget *icon = gtk_image_new_from_icon_name (states[state].icon);
  GtkWidget *row =
    g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title, "subtitle", lines,
                  "subtitle-lines", 0, "activatable", FALSE, NULL);

  gtk_widget_add_css_class (icon, states[state].style);
  gtk_widget_set_tooltip_text (icon, _ (states[state].title));
  pba_accessible_name (icon, _ (states[state].title));
  pba_accessible_name (row, name);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), icon);
  return row;
}

/* ---- running ---- */

/* A certificate that is shown and that nobody vouches for may be pinned, unless it is already. */
static void
take_certificate (PbaRelayTestDialog *self, GVariant *step)
{
  const char *fingerprint = text_of (step, "Fingerprint");
  const char *trouble = text_of (step, "Trouble");
  const char *state = text_of (step, "State");

  if (fingerprint[0] == '\0' || trouble[0] == '\0' || g_str_equal (state, "ok"))
    return;
  g_free (self->fingerprint);
  g_free (self->trouble);
  self->fingerprint = g_strdup (fingerprint);
  self->trouble = g_strdup (trouble);
}

static const char *
summarize (const Words *words, guint n_failed, guint n_warnings)
{
  return n_failed > 0 ? _ (words->failed) : n_warnings > 0 ? _ (words->doubtful) : _ (words->fine);
}

static void
show_steps (PbaRelayTestDialog *self, GVariant *rows)
{
  guint n_failed = 0, n_warnings = 0;
  GVariantIter iter;
  GVariant *step;

  g_variant_iter_init (&iter, rows);
  while (g_variant_iter_loop (&iter, "@a{sv}", &step))
    {
      const char *state = text_of (step, "State");

      /* Where the next server did better the one before is no obstacle. */
      if (g_str_equal (state, "failed"))
        n_failed++;
      else if (g_str_equal (state, "ok") && g_str_equal (text_of (step, "Step"), "connect"))
        n_failed = 0;
      n_warnings += g_str_equal (state, "warning");
      take_certificate (self, step);
      gtk_list_box_append (self->list, row_new (step));
    }
  gtk_label_set_text (self->summary, summarize (self->words, n_failed, n_warnings));
}

static void
set_running (PbaRelayTestDialog *self, gboolean running)
{
  gtk_widget_set_visible (self->spinner, running);
  gtk_spinner_set_spinning (GTK_SPINNER (self->spinner), running);
  gtk_widget_set_sensitive (self->again, !running);
  gtk_widget_set_visible (GTK_WIDGET (self->list), !running);
  gtk_widget_set_visible (self->pin, !running && self->fingerprint != NULL);
}

static void
on_tested (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaRelayTestDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) rows = pba_manager_test_finish (PBA_MANAGER (source), result, &error);

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  if (rows != NULL)
    show_steps (self, rows);
  else
    {
      g_autofree char *sentence = pba_words_error (error);

      gtk_label_set_text (self->summary, sentence);
    }
  set_running (self, FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self->list), rows != NULL);
}

static void
run (PbaRelayTestDialog *self)
{
  PbaSecretAgent *agent = pba_server_get_secret_agent (self->server);

  pba_row_list_clear (self->list);
  g_clear_pointer (&self->fingerprint, g_free);
  g_clear_pointer (&self->trouble, g_free);
  gtk_label_set_text (self->summary, _ (self->words->running));
  set_running (self, TRUE);
  if (self->relay == NULL)
    {
      pba_manager_test_scanner_async (pba_server_get_manager (self->server), self->cancellable,
                                      on_tested, g_object_ref (self));
      return;
    }
  /* Whoever has said no before is asked again. */
  if (pba_secret_agent_get_registered (agent))
    pba_secret_agent_register (agent);
  pba_manager_test_relay_async (pba_server_get_manager (self->server), self->relay,
                                self->cancellable, on_tested, g_object_ref (self));
}

/* ---- pinning ---- */

/* In groups, as people compare them. */
static char *
spell_fingerprint (const char *digits)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; digits[i] != '\0'; i++)
    {
      if (i > 0 && i % GROUP_SIZE == 0)
        g_string_append_c (text, ' ');
      g_string_append_c (text, digits[i]);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Not while the question above is still on its way out: it looks at this window. */
static gboolean
on_pinned (gpointer user_data)
{
  g_signal_emit (user_data, pin_signal, 0, PBA_RELAY_TEST_DIALOG (user_data)->fingerprint);
  gtk_window_destroy (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_pin_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  PbaRelayTestDialog *self = user_data;

  if (g_str_equal (response, "pin") && self->fingerprint != NULL)
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_pinned, g_object_ref (self), g_object_unref);
}

static void
on_pin (PbaRelayTestDialog *self)
{
  g_autofree char *spelled = spell_fingerprint (self->fingerprint);
  GtkWidget *record = gtk_label_new (spelled);
  g_autofree char *words =
    /* Translators: %s is what is wrong with a certificate, in the words of the server */
    g_strdup_printf (_ (
                       "Nobody vouches for this certificate: %s. Compare the SHA-256 of its public "
                       "key with the one that the relay host's administrator gives you. From then "
                       "on only a server with this key gets mail and the password."),
                     self->trouble);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (
    adw_message_dialog_new (GTK_WINDOW (self), _ ("Pin This Certificate?"), words));

  gtk_label_set_wrap (GTK_LABEL (record), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (record), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_selectable (GTK_LABEL (record), TRUE);
  gtk_widget_add_css_class (record, "record");
  adw_message_dialog_set_extra_child (dialog, record);
  adw_message_dialog_add_responses (dialog, "no", _ ("_Cancel"), "pin", _ ("_Pin"), NULL);
  adw_message_dialog_set_default_response (dialog, "no");
  adw_message_dialog_set_close_response (dialog, "no");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_pin_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* ---- the window ---- */

static void
pba_relay_test_dialog_dispose (GObject *object)
{
  PbaRelayTestDialog *self = PBA_RELAY_TEST_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->server);
  G_OBJECT_CLASS (pba_relay_test_dialog_parent_class)->dispose (object);
}

static void
pba_relay_test_dialog_finalize (GObject *object)
{
  PbaRelayTestDialog *self = PBA_RELAY_TEST_DIALOG (object);

  g_object_unref (self->cancellable);
  g_free (self->relay);
  g_free (self->fingerprint);
  g_free (self->trouble);
  G_OBJECT_CLASS (pba_relay_test_dialog_parent_class)->finalize (object);
}

static void
pba_relay_test_dialog_class_init (PbaRelayTestDialogClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pba_relay_test_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = pba_relay_test_dialog_finalize;
  pin_signal = g_signal_new ("pin", PBA_TYPE_RELAY_TEST_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                             NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close",
                                       NULL);
}

static GtkWidget *
make_header (PbaRelayTestDialog *self)
{
  GtkWidget *header = adw_header_bar_new ();

  self->again = gtk_button_new_with_mnemonic (_ ("_Test Again"));
  g_signal_connect_object (self->again, "clicked", G_CALLBACK (run), self, G_CONNECT_SWAPPED);
  adw_header_bar_pack_start (ADW_HEADER_BAR (header), self->again);
  return header;
}

static GtkWidget *
make_content (PbaRelayTestDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);
  GtkWidget *clamp = adw_clamp_new ();
  GtkWidget *scrolled = gtk_scrolled_window_new ();

  self->summary = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->summary, TRUE);
  self->spinner = gtk_spinner_new ();
  pba_accessible_name (self->spinner, _ ("Testing"));
  gtk_widget_set_size_request (self->spinner, 32, 32);
  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->list, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "boxed-list");
  pba_accessible_name (self->list, _ ("Steps"));
  self->pin = gtk_button_new_with_mnemonic (_ ("_Pin Certificate…"));
  gtk_widget_set_halign (self->pin, GTK_ALIGN_CENTER);
  g_signal_connect_object (self->pin, "clicked", G_CALLBACK (on_pin), self, G_CONNECT_SWAPPED);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->summary));
  gtk_box_append (GTK_BOX (box), self->spinner);
  gtk_box_append (GTK_BOX (box), self->pin);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->list));
  g_object_set (box, "margin-top", 18, "margin-bottom", 18, "margin-start", 12, "margin-end", 12,
                NULL);
  adw_clamp_set_child (ADW_CLAMP (clamp), box);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), clamp);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_widget_set_vexpand (scrolled, TRUE);
  return scrolled;
}

static void
pba_relay_test_dialog_init (PbaRelayTestDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  self->cancellable = g_cancellable_new ();
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, HEIGHT);
  gtk_box_append (GTK_BOX (box), make_header (self));
  gtk_box_append (GTK_BOX (box), make_content (self));
  adw_window_set_content (ADW_WINDOW (self), box);
}

gboolean
pba_relay_test_dialog_supported (PbaServer *server)
{
  return pba_connection_has_method (pba_server_get_connection (server), "Manager", "TestRelay");
}

/* @relay (nullable): NULL for the virus scanner. */
static GtkWidget *
dialog_new (GtkWindow *parent, PbaServer *server, const char *relay, const Words *words)
{
  PbaRelayTestDialog *self = g_object_new (PBA_TYPE_RELAY_TEST_DIALOG, "transient-for", parent,
                                           "modal", TRUE, "destroy-with-parent", TRUE, NULL);

  self->server = g_object_ref (server);
  self->relay = g_strdup (relay);
  self->words = words;
  gtk_window_set_title (GTK_WINDOW (self), _ (words->title));
  run (self);
  return GTK_WIDGET (self);
}

GtkWidget *
pba_relay_test_dialog_new (GtkWindow *parent, PbaServer *server, const char *relay)
{
  return dialog_new (parent, server, relay, &relay_words);
}

GtkWidget *
pba_scanner_test_dialog_new (GtkWindow *parent, PbaServer *server)
{
  return dialog_new (parent, server, NULL, &scanner_words);
}

GtkWidget *
pba_relay_test_row_new (GCallback test, gpointer user_data, GtkWidget **button)
{
  GtkWidget *row = adw_action_row_new ();

  *button = gtk_button_new_with_mnemonic (_ ("_Test"));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Test the relay host"));
  adw_action_row_set_subtitle (
    ADW_ACTION_ROW (row),
    _ ("Connects and logs in with what is set on the server, and sends no mail"));
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 0);
  gtk_widget_set_valign (*button, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), *button);
  g_signal_connect_object (*button, "clicked", test, user_data, G_CONNECT_SWAPPED);
  return row;
}
