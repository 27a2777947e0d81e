/* notify.h - tells systemd how the service is (sd_notify without its library).
 */
#ifndef DG_FCGI_NOTIFY_H
#define DG_FCGI_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/*
    Nothing without NOTIFY_SOCKET; a failure is logged. Source: sd_notify(3).
 */

#endif
