/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The base of every page: what the window needs to know of it, and what every page does: toasts and
 * going elsewhere. Made by the table of pages, owned by the window's stack.
 */
#include "widgets/page.h"

#include "model/words.h"
#include "widgets/compat.h"

typedef struct
{
  PbaServer *server;      /* (owned) */
  char *title, *subtitle; /* (owned) (nullable) */
  gboolean settings, narrow;
  GtkWidget *start, *end, *middle; /* (owned) (nullable) */
} PbaPagePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (PbaPage, pba_page, ADW_TYPE_BIN)

enum
{
  PROP_SERVER = 1,
  PROP_TITLE,
  PROP_SUBTITLE,
  PROP_SETTINGS,
  PROP_NARROW,
  PROP_HEADER_START,
  PROP_HEADER_END,
  PROP_HEADER_TITLE,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];
static guint toast_signal, go_signal;

/* What a toast's button does. */
typedef struct
{
  PbaPage *page; /* (unowned): the toast lives in its window */
  void (*callback) (PbaPage *self, gpointer user_data);
  gpointer user_data;
} ToastAction;

static PbaPagePrivate *
private_of (gpointer self)
{
  return pba_page_get_instance_private (PBA_PAGE (self));
}

static GtkWidget **
widget_place (PbaPage *self, guint property)
{
  PbaPagePrivate *priv = private_of (self);

  return property == PROP_HEADER_START ? &priv->start
         : property == PROP_HEADER_END ? &priv->end
                                       : &priv->middle;
}

static void
pba_page_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaPagePrivate *priv = private_of (object);

  if (property == PROP_SERVER)
    g_value_set_object (value, priv->server);
  else if (property == PROP_TITLE || property == PROP_SUBTITLE)
    g_value_set_string (value, property == PROP_TITLE ? priv->title : priv->subtitle);
  else if (property == PROP_SETTINGS || property == PROP_NARROW)
    g_value_set_boolean (value, property == PROP_SETTINGS ? priv->settings : priv->narrow);
  else
    g_value_set_object (value, *widget_place (PBA_PAGE (object), property));
}

static void
pba_page_set_gproperty (GObject *object, guint property, const GValue *value, GParamSpec *pspec)
{
  PbaPagePrivate *priv = private_of (object);

  if (property == PROP_SERVER)
    priv->server = g_value_dup_object (value);
  else if (property == PROP_TITLE)
    pba_page_set_title (PBA_PAGE (object), g_value_get_string (value));
  else if (property == PROP_SUBTITLE)
    pba_page_set_subtitle (PBA_PAGE (object), g_value_get_string (value));
  else if (property == PROP_SETTINGS)
    priv->settings = g_value_get_boolean (value);
  else if (property == PROP_NARROW)
    {
      if (priv->narrow == g_value_get_boolean (value))
        return;
      priv->narrow = g_value_get_boolean (value);
      g_object_notify_by_pspec (object, pspec);
    }
  else
    {
      GtkWidget **place = widget_place (PBA_PAGE (object), property);
      GtkWidget *widget = g_value_get_object (value);

      g_clear_object (place);
      *place = widget != NULL ? g_object_ref_sink (widget) : NULL;
      g_object_notify_by_pspec (object, pspec);
    }
}

static void
pba_page_dispose (GObject *object)
{
  PbaPagePrivate *priv = private_of (object);

  g_clear_object (&priv->start);
  g_clear_object (&priv->end);
  g_clear_object (&priv->middle);
  G_OBJECT_CLASS (pba_page_parent_class)->dispose (object);
}

static void
pba_page_finalize (GObject *object)
{
  PbaPagePrivate *priv = private_of (object);

  g_clear_object (&priv->server);
  g_free (priv->title);
  g_free (priv->subtitle);
  G_OBJECT_CLASS (pba_page_parent_class)->finalize (object);
}

static void
do_nothing (PbaPage *self)
{
}

static gboolean
reveal_nothing (PbaPage *self, const char *key)
{
  return FALSE;
}

static void
pba_page_class_init (PbaPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_page_get_gproperty;
  object_class->set_property = pba_page_set_gproperty;
  object_class->dispose = pba_page_dispose;
  object_class->finalize = pba_page_finalize;
  /* A screen reader shall say which page it is, not of what type. */
  gtk_widget_class_set_accessible_role (GTK_WIDGET_CLASS (klass), GTK_ACCESSIBLE_ROLE_GROUP);
  klass->shown = do_nothing;
  klass->hidden = do_nothing;
  klass->reveal = reveal_nothing;

  properties[PROP_SERVER] =
    g_param_spec_object ("server", NULL, NULL, PBA_TYPE_SERVER,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_TITLE] =
    g_param_spec_string ("title", NULL, NULL, NULL, both | G_PARAM_CONSTRUCT);
  properties[PROP_SUBTITLE] = g_param_spec_string ("subtitle", NULL, NULL, NULL, both);
  properties[PROP_SETTINGS] =
    g_param_spec_boolean ("settings", NULL, NULL, FALSE, both | G_PARAM_CONSTRUCT_ONLY);
  properties[PROP_NARROW] = g_param_spec_boolean ("narrow", NULL, NULL, FALSE, both);
  properties[PROP_HEADER_START] =
    g_param_spec_object ("header-start", NULL, NULL, GTK_TYPE_WIDGET, both);
  properties[PROP_HEADER_END] =
    g_param_spec_object ("header-end", NULL, NULL, GTK_TYPE_WIDGET, both);
  properties[PROP_HEADER_TITLE] =
    g_param_spec_object ("header-title", NULL, NULL, GTK_TYPE_WIDGET, both);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  toast_signal = g_signal_new ("toast", PBA_TYPE_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 1, ADW_TYPE_TOAST);
  go_signal = g_signal_new ("go", PBA_TYPE_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                            G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
pba_page_init (PbaPage *self)
{
}

PbaServer *
pba_page_get_server (PbaPage *self)
{
  return private_of (self)->server;
}

gboolean
pba_page_get_narrow (PbaPage *self)
{
  return private_of (self)->narrow;
}

static void
set_string (PbaPage *self, char **field, const char *value, guint property)
{
  if (g_strcmp0 (*field, value) == 0)
    return;
  g_free (*field);
  *field = g_strdup (value);
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

void
pba_page_set_title (PbaPage *self, const char *title)
{
  set_string (self, &private_of (self)->title, title, PROP_TITLE);
  pba_accessible_name (self, title != NULL ? title : "");
}

void
pba_page_set_subtitle (PbaPage *self, const char *subtitle)
{
  set_string (self, &private_of (self)->subtitle, subtitle, PROP_SUBTITLE);
}

void
pba_page_shown (PbaPage *self)
{
  PBA_PAGE_GET_CLASS (self)->shown (self);
}

void
pba_page_hidden (PbaPage *self)
{
  PBA_PAGE_GET_CLASS (self)->hidden (self);
}

gboolean
pba_page_reveal (PbaPage *self, const char *key)
{
  return PBA_PAGE_GET_CLASS (self)->reveal (self, key);
}

static void
on_toast_button (AdwToast *toast, gpointer user_data)
{
  ToastAction *action = user_data;

  action->callback (action->page, action->user_data);
}

static void
free_action (gpointer data, GClosure *closure)
{
  g_free (data);
}

void
pba_page_toast (PbaPage *self, const char *title, const char *button,
                void (*callback) (PbaPage *self, gpointer user_data), gpointer user_data)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  g_autoptr (AdwToast) toast = adw_toast_new (escaped);

  if (button != NULL)
    {
      ToastAction *action = g_new0 (ToastAction, 1);

      action->page = self;
      action->callback = callback;
      action->user_data = user_data;
      adw_toast_set_button_label (toast, button);
      g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_toast_button), action,
                             free_action, 0);
    }
  g_signal_emit (self, toast_signal, 0, toast);
}

void
pba_page_toast_error (PbaPage *self, const GError *error)
{
  g_autofree char *sentence = pba_words_error (error);

  pba_page_toast (self, sentence, NULL, NULL, NULL);
}

void
pba_page_go (PbaPage *self, const char *page, const char *key)
{
  g_signal_emit (self, go_signal, 0, page, key);
}
