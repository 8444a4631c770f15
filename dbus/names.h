/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The names both programs and every script use. */
#define PB_BUS_NAME "org.postbus.Postbus1"
#define PB_OBJECT_PATH "/org/postbus/Postbus1"
#define PB_INTERFACE_PREFIX "org.postbus.Postbus1."
#define PB_SECRET_AGENT_PATH "/org/postbus/Postbus1/SecretAgent" /* of a client that is one */
#define PB_SECRET_AGENT_INTERFACE "org.postbus.Postbus1.SecretAgent"
#define PB_ERROR_PREFIX "org.postbus.Postbus1.Error."
#define PB_ANNOTATION_PREFIX "org.postbus."

#define PB_ACTION_VIEW "org.postbus.Postbus1.view"
#define PB_ACTION_MODIFY_SETTINGS "org.postbus.Postbus1.modify-settings"
#define PB_ACTION_MANAGE_QUEUE "org.postbus.Postbus1.manage-queue"
#define PB_ACTION_MANAGE_ACCOUNTS "org.postbus.Postbus1.manage-accounts"
#define PB_ACTION_SET_SECRETS "org.postbus.Postbus1.set-secrets"
