//! Doing what operators say.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Done;
use super::command::{Command, HELP, Show};
use super::figures::Wanted;
use super::show::Whole;
use super::table::{Answer, cell};
use super::{figures, listing, show};
use crate::error::{Error, Kind};
use crate::observe::{Event, Operation};
use crate::session::{Order, Report, Scope, Survey};
use crate::wire::{Door, ReloadRequest};

/// How often those are looked after who are waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Bytes of a page, in which Linux counts.
const PAGE: u64 = 4096;

/// Does a command. May be cancelled: what it waits for goes on.
pub async fn obey(door: &Door, command: &Command) -> Done {
    match command {
        Command::Show(show) => return shown(door, *show).await,
        Command::Pause(scope) => pause(door, scope).await?,
        Command::Resume(scope) => {
            let names = names(door, scope)?;
            let controls = door.session.controls();
            if !names.iter().any(|name| controls.of(name).paused) {
                return Err(Error::new(Kind::Invalid, "nothing of that is paused"));
            }
            resume(door, scope).await?;
        }
        Command::Reconnect(scope) => {
            names(door, scope)?;
            door.session.order(&Order::Reconnect(scope.clone())).await?;
        }
        Command::WaitClose(scope) => {
            names(door, scope)?;
            until_none(door, Order::Closing(scope.clone())).await?;
        }
        Command::Disable(name) => set_disabled(door, name, true)?,
        Command::Enable(name) => set_disabled(door, name, false)?,
        Command::KillClient(number) => {
            let reports = door.session.order(&Order::SendAway(*number)).await?;
            if sum(&reports) == 0 {
                let text = format!("there is no client {number}: SHOW CLIENTS lists their ids");
                return Err(Error::new(Kind::Invalid, text));
            }
        }
        Command::Reload => return reload(door).await,
        Command::Courtesy(_) | Command::Empty => {}
    }
    Ok(Answer::default())
}

/// Gives out connections again.
pub async fn resume(door: &Door, scope: &Scope) -> Result<(), Error> {
    let controls = door.session.controls();
    for name in names(door, scope)? {
        controls.change(&name, |control| control.paused = false);
    }
    door.observer.emit(&Event::Operation(Operation::Paused { databases: controls.paused() }));
    door.session.order(&Order::Resume(scope.clone())).await?;
    Ok(())
}

/// Who is in the middle of something may end it.
async fn pause(door: &Door, scope: &Scope) -> Result<(), Error> {
    let controls = door.session.controls();
    for name in names(door, scope)? {
        controls.change(&name, |control| control.paused = true);
    }
    door.observer.emit(&Event::Operation(Operation::Paused { databases: controls.paused() }));
    until_none(door, Order::Pause(scope.clone())).await
}

/// Gives an order again and again, until there is nothing left that it counts.
async fn until_none(door: &Door, order: Order) -> Result<(), Error> {
    while sum(&door.session.order(&order).await?) > 0 {
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

fn set_disabled(door: &Door, name: &str, disabled: bool) -> Result<(), Error> {
    for name in names(door, &Scope::Database(name.to_owned()))? {
        door.session.controls().change(&name, |control| control.disabled = disabled);
    }
    Ok(())
}

/// The databases that are meant.
fn names(door: &Door, scope: &Scope) -> Result<Vec<String>, Error> {
    let config = door.config.borrow().clone();
    let databases = config.resources.iter().flat_map(|resource| &resource.databases);
    let mut names: Vec<String> = databases.map(|database| database.name.clone()).collect();
    if let Scope::Database(wanted) = scope {
        names.retain(|name| name == wanted);
        if names.is_empty() {
            let text = format!("no such database: {wanted}; SHOW DATABASES lists them");
            return Err(Error::new(Kind::DatabaseUnknown, text));
        }
    }
    Ok(names)
}

async fn reload(door: &Door) -> Done {
    let Some(reloads) = &door.steering.reload else {
        let text = "this gateway has no configuration file that could be read again";
        return Err(Error::new(Kind::NotSupported, text));
    };
    let gone = || Error::new(Kind::ShuttingDown, "the service is stopping; try again");
    let (answer, told) = oneshot::channel();
    reloads.send(ReloadRequest(answer)).await.map_err(|_| gone())?;
    match told.await.map_err(|_| gone())? {
        Ok(waiting) if waiting.is_empty() => Ok(Answer::default()),
        Ok(waiting) => {
            let headline = "some changes are in force after a restart only".to_owned();
            Ok(Answer { rows: Vec::new(), notice: Some((headline, waiting.join("\n"))) })
        }
        Err(problems) => {
            let text = format!("the configuration in force goes on: {}", problems.join("; "));
            Err(Error::new(Kind::Invalid, text))
        }
    }
}

async fn shown(door: &Door, show: Show) -> Done {
    let config = door.config.borrow().clone();
    let controls = door.session.controls();
    match show {
        Show::Help => {
            let detail = HELP.replace(", ", "\n");
            let notice = Some(("Console usage".to_owned(), detail));
            return Ok(Answer { rows: Vec::new(), notice });
        }
        Show::Version => {
            let version = concat!("Rowhouse ", env!("CARGO_PKG_VERSION"));
            return Ok(Answer::of(vec![vec![cell(version)]]));
        }
        Show::State => return Ok(show::state(controls)),
        Show::Config => return Ok(listing::config(&config.listing, door.steering.followed)),
        Show::Mem => return Ok(memory()),
        _ => {}
    }
    let reports = door.session.order(&Order::Survey).await?;
    let surveys: Vec<Survey> = reports.into_iter().filter_map(survey).collect();
    let console = config.wire.console_database.as_deref().unwrap_or_default();
    let whole = Whole { config: &config, surveys: &surveys, console };
    let now = Timestamp::now();
    Ok(match show {
        Show::Pools => show::pools(&whole),
        Show::Clients => show::clients(&whole, now),
        Show::Servers => show::servers(&whole, now),
        Show::Databases => show::databases(&whole, controls),
        Show::Users => show::users(&whole),
        Show::Stats => figures::stats(&whole, Wanted::Both),
        Show::StatsTotals => figures::stats(&whole, Wanted::Totals),
        Show::StatsAverages => figures::stats(&whole, Wanted::Averages),
        Show::Totals => figures::totals(&whole),
        _ => show::lists(&whole, door.clients.load(std::sync::atomic::Ordering::Relaxed)),
    })
}

fn survey(report: Report) -> Option<Survey> {
    match report {
        Report::Survey(survey) => Some(*survey),
        Report::Count(_) => None,
    }
}

fn sum(reports: &[Report]) -> usize {
    reports.iter().map(Report::count).sum()
}

/// What the process holds in RAM, and what of it is no file's
/// (<https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html>).
fn memory() -> Answer {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = |index| -> u64 {
        text.split_whitespace().nth(index).and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    let row = |name: &str, count: u64| {
        vec![cell(name), cell(PAGE), cell(count), cell(0), cell(count * PAGE)]
    };
    let resident = pages(1);
    let anonymous = resident.saturating_sub(pages(2));
    Answer::of(vec![row("resident", resident), row("anonymous", anonymous)])
}
