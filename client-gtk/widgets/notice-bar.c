/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trouble in one sentence under the header bar, with at most two buttons: link lost, changed
 * elsewhere. Shown and hidden by the window; announces itself to screen readers as an alert.
 */
#include "widgets/notice-bar.h"

#include "widgets/compat.h"

struct _PbaNoticeBar
{
  GtkWidget parent_instance;

  GtkRevealer *revealer; /* template children */
  GtkLabel *message;
  GtkButton *first, *second;
};

G_DEFINE_FINAL_TYPE (PbaNoticeBar, pba_notice_bar, GTK_TYPE_WIDGET)

static guint first_signal, second_signal;

static void
on_first (PbaNoticeBar *self)
{
  g_signal_emit (self, first_signal, 0);
}

static void
on_second (PbaNoticeBar *self)
{
  g_signal_emit (self, second_signal, 0);
}

static void
pba_notice_bar_dispose (GObject *object)
{
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (object));

  g_clear_pointer (&child, gtk_widget_unparent);
  G_OBJECT_CLASS (pba_notice_bar_parent_class)->dispose (object);
}

static void
pba_notice_bar_class_init (PbaNoticeBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pba_notice_bar_dispose;
  first_signal = g_signal_new ("first-clicked", PBA_TYPE_NOTICE_BAR, G_SIGNAL_RUN_LAST, 0, NULL,
                               NULL, NULL, G_TYPE_NONE, 0);
  second_signal = g_signal_new ("second-clicked", PBA_TYPE_NOTICE_BAR, G_SIGNAL_RUN_LAST, 0, NULL,
                                NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_ALERT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/notice-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaNoticeBar, revealer);
  gtk_widget_class_bind_template_child (widget_class, PbaNoticeBar, message);
  gtk_widget_class_bind_template_child (widget_class, PbaNoticeBar, first);
  gtk_widget_class_bind_template_child (widget_class, PbaNoticeBar, second);
  gtk_widget_class_bind_template_callback (widget_class, on_first);
  gtk_widget_class_bind_template_callback (widget_class, on_second);
}

static void
pba_notice_bar_init (PbaNoticeBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pba_notice_bar_new (void)
{
  return g_object_new (PBA_TYPE_NOTICE_BAR, NULL);
}

static void
set_button (GtkButton *button, const char *label)
{
  gtk_widget_set_visible (GTK_WIDGET (button), label != NULL);
  if (label != NULL)
    gtk_button_set_label (button, label);
}

void
pba_notice_bar_show (PbaNoticeBar *self, const char *message, const char *first, const char *second)
{
  gtk_label_set_label (self->message, message);
  pba_accessible_name (self, message);
  set_button (self->first, first);
  set_button (self->second, second);
  gtk_widget_set_visible (GTK_WIDGET (self), TRUE);
  gtk_revealer_set_reveal_child (self->revealer, TRUE);
}

void
pba_notice_bar_hide (PbaNoticeBar *self)
{
  gtk_revealer_set_reveal_child (self->revealer, FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}
